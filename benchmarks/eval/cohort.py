"""A number of people and a seed in, a slice folder of phantom brains out, by the `brain` commands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np


def phantom_slices(work: Path, *, people: int, seed: int, planes: tuple[str, ...] = ("axial",)) -> Path:
    """Make a tiny phantom cohort below `work`, take its brains by their true masks, and draw 64 × 64 slices."""
    cohort = work / f"phantom{seed}"
    brain("atlas", "phantom", "--out", cohort, "--subjects", people, "--seed", seed)
    return drawn(cohort, work, planes)


def drawn(cohort: Path, work: Path, planes: tuple[str, ...]) -> Path:
    """Return the captioned slice folder of a phantom cohort; table and captions lie beside it, in ``table``."""
    out = work / f"{cohort.name}-slices"
    stripped(cohort, work / "brains" / cohort.name)
    brain("caption", "tabulate", work / "brains" / cohort.name, "--out", out / "table")
    brain("caption", "write", out / "table")
    chosen = [word for plane in planes for word in ("--plane", plane)]
    brain("caption", "render", out / "table", "--out", out / "slices", "--size", 64, *chosen)
    return out / "slices"


def labelled(slices: Path) -> Path:
    """Return the label slices of what `drawn` returned."""
    brain("eval", "draw-labels", slices.with_name("table"), slices, "--out", slices.with_name("labels"))
    return slices.with_name("labels")


def stripped(cohort: Path, out: Path) -> None:
    """Copy the cohort with everything outside the true brain masks set to zero."""
    shutil.copytree(cohort, out, dirs_exist_ok=True)
    for path in sorted(out.glob("sub-*/anat/*.nii.gz")):
        subject = path.parts[-3]
        mask = nib.load(out / "derivatives" / "labels" / subject / "anat" / f"{subject}_desc-brain_mask.nii.gz")
        image = nib.load(path)
        inside = np.asarray(image.dataobj, dtype=np.float32) * (np.asarray(mask.dataobj) > 0)
        nib.save(nib.Nifti1Image(inside, image.affine), path)


def brain(*words: object) -> None:
    """Run a `brain` command of this environment."""
    subprocess.run([str(Path(sys.executable).with_name("brain")), *map(str, words)], check=True)
