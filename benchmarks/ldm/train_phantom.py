"""A folder in, the model that ships with brainldm out: an open phantom cohort, its captions, and the tiny config.

    python benchmarks/ldm/train_phantom.py WORK [--people 48] [--minutes 10]

Runs the `brain` commands in order and prints each. Killed or out of minutes, the same command goes on where it was.
The finished model is WORK/model; `--install` copies what inference needs into the package.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "packages" / "brainldm" / "src" / "brainldm" / "models" / "phantom"
CONFIG = Path(__file__).with_name("phantom.toml")
SEED = 11
SIZE = 64


def main() -> None:
    """Parse the arguments and run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--people", type=int, default=48)
    parser.add_argument("--minutes", type=float, default=None, help="for each of the two trainings")
    parser.add_argument("--install", action="store_true")
    options = parser.parse_args()
    slices = make_slices(options.work, options.people)
    train(options.work, slices, [] if options.minutes is None else ["--minutes", options.minutes])
    if options.install:
        install(options.work / "model")


def make_slices(work: Path, people: int) -> Path:
    """Return the slice folder of a stripped phantom cohort, made where it is missing."""
    slices = work / "slices"
    if (slices / "metadata.parquet").exists():
        return slices
    brain("atlas", "phantom", "--out", work / "heads", "--subjects", people, "--size", "tiny", "--seed", SEED)
    strip(work / "heads", work / "phantom")
    brain("caption", "tabulate", work / "phantom", "--out", work / "captions")
    brain("caption", "write", work / "captions", "--seed", SEED)
    brain("caption", "render", work / "captions", "--out", slices, "--plane", "axial", "--size", SIZE, "--fov", 200,
          "--seed", SEED)  # fmt: skip
    return slices


def strip(heads: Path, out: Path) -> None:
    """Copy the cohort with everything outside its true brain masks set to zero."""
    aside = out.with_name("stripping")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(heads, aside)
    for path in sorted(aside.glob("sub-*/anat/*.nii.gz")):
        subject = path.name.split("_")[0]
        mask = aside / "derivatives" / "labels" / subject / "anat" / f"{subject}_desc-brain_mask.nii.gz"
        image = nib.load(path)
        brain_only = np.asarray(image.dataobj) * (np.asarray(nib.load(mask).dataobj) > 0)
        nib.save(nib.Nifti1Image(brain_only.astype(image.get_data_dtype()), image.affine, image.header), path)
    aside.replace(out)


def train(work: Path, slices: Path, minutes: list[object]) -> None:
    """Train VAE and diffusion model."""
    brain("ldm", "train-vae", slices, "--out", work / "vae", "--config", CONFIG, "--seed", SEED, *minutes)
    brain("ldm", "encode", slices, work / "vae", "--out", work / "latents", "--seed", SEED)
    brain("ldm", "train-ldm", work / "latents", "--out", work / "model", "--config", CONFIG, "--seed", SEED, *minutes)


def install(model: Path) -> None:
    """Copy the model into the package, without the training state."""
    shutil.rmtree(SHIPPED, ignore_errors=True)
    shutil.copytree(model, SHIPPED, ignore=shutil.ignore_patterns("training"))


def brain(*arguments: object) -> None:
    """Print a `brain` command and run it."""
    command = ["brain", *map(str, arguments)]
    print(f"$ {shlex.join(command)}", flush=True)
    subprocess.run([str(Path(sys.executable).with_name("brain")), *command[1:]], check=True)


if __name__ == "__main__":
    main()
