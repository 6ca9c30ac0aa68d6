"""Words in, a `brain` command of this environment run out; a system's training with the seconds that it took."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from spent import Spent

from brainldm.controllable.model_folder import WEIGHTS as CONTROL
from brainldm.model_folder import UNET
from brainldm.tumsyn.model_folder import SYNTHESIS

THREADS = 2  # of training; the target is ten minutes on two cores
# What each system writes when a training has come to its end.
WEIGHTS = {
    "dalle-brain": UNET,
    "controllable": CONTROL,
    "sd-mri": f"unet/{SAFETENSORS_WEIGHTS_NAME}",
    "tumsyn": SYNTHESIS,
}


def brain(*words: object) -> None:
    """Run a `brain` command."""
    subprocess.run([str(Path(sys.executable).with_name("brain")), *map(str, words)], check=True)


def train(spent: Spent, part: str, system: str, data: Path, out: Path, *words: object) -> None:
    """Train a system, and add the seconds to `part` of `spent`; a look at a finished model adds none."""
    with spent.part(part, out / WEIGHTS[system]):
        brain("ldm", "train", system, data, "--out", out, *words)
