"""A folder in, the model that ships with brainldm out: an open phantom cohort, its captions, and the tiny config.

    python benchmarks/ldm/train_phantom.py WORK [--people 40] [--minutes 10] [--install]

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
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from braincaption.atomic import atomic_path
from braincaption.slicefolder import encode_png, read_slices, write_slices
from brainldm.nearest import SEEN
from brainldm.wording import STRUCTURES, build_prompt

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "packages" / "brainldm" / "src" / "brainldm" / "models" / "phantom"
CONFIG = Path(__file__).with_name("phantom.toml")
SEED = 11
SIZE = 64
CARD = """
## How it was trained

    python benchmarks/ldm/train_phantom.py WORK --install

40 people of the open phantom (`brain atlas phantom`, seed 11; nobody was scanned, CC0), stripped with their true masks;
settings in `benchmarks/ldm/phantom.toml`. `seen/` holds the slices it was trained on, to compare drawings with. What it
does well and what not: `benchmarks/ldm/README.md`.

The phantom starts from the ICBM152 template: copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre,
Montreal Neurological Institute, McGill University; use, copying, changing and passing on are permitted for any purpose
without fee as long as this notice stays; it comes as is, without warranty.
"""
# A field of view of one phantom voxel a pixel, and no slices with little brain on them: they teach little.
DRAWN = ("--fov", 192, "--least", 0.2)


def main() -> None:
    """Parse the arguments and run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=None, help="for each of the two trainings")
    parser.add_argument("--seed", type=int, default=SEED, help="of the people")
    parser.add_argument("--slices-only", action="store_true", help="for people to judge the model on")
    parser.add_argument("--install", action="store_true")
    options = parser.parse_args()
    slices = make_slices(options.work, options.people, options.seed)
    if options.slices_only:
        return
    train(options.work, slices, [] if options.minutes is None else ["--minutes", options.minutes])
    if options.install:
        install(options.work)


def make_slices(work: Path, people: int, seed: int) -> Path:
    """Return the slice folder of a stripped phantom cohort, made where it is missing."""
    slices = work / "slices"
    if (slices / "metadata.parquet").exists():
        return slices
    brain("atlas", "phantom", "--out", work / "heads", "--subjects", people, "--size", "tiny", "--seed", seed)
    strip(work / "heads", work / "phantom")
    brain("caption", "tabulate", work / "phantom", "--out", work / "captions")
    brain("caption", "write", work / "captions", "--seed", seed)
    brain("caption", "render", work / "captions", "--out", slices, "--plane", "axial", "--size", SIZE, *DRAWN,
          "--seed", seed)  # fmt: skip
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


def with_prompts(slices: Path, tabulated: Path, out: Path) -> Path:
    """Return the same slices captioned the way people write prompts: short, with two structures or fewer.

    `brain caption write` says everything it knows of a slice; a model taught that draws a short prompt poorly, and the
    one number that changes among thirty others goes unheard.
    """
    if (out / "metadata.parquet").exists():
        return out
    found = read_slices(slices)
    facts = pd.concat([pd.read_parquet(path) for path in sorted((tabulated / "slices").glob("*.parquet"))])
    facts = facts[facts["plane"] == "axial"].set_index(["volume_id", "index"])
    rng = np.random.default_rng(SEED)
    rows = []
    for i, row in enumerate(found.table.drop(columns="file_name").to_dict("records")):
        known = {str(key): value for key, value in row.items() if not pd.isna(value)}
        known["caption"] = prompt(known, facts.loc[(row["volume_id"], row["index"])], rng)
        rows.append((known, found.image(i)))
    write_slices(out, rows)
    return out


def prompt(row: dict[str, Any], facts: Any, rng: np.random.Generator) -> str:
    """Return a short prompt for a slice; each fact is said or left out by chance, the ventricles more often said."""
    volumes = {int(one["label"]): float(one["volume_mm3"]) for one in facts["structures"]}
    totals = {name: sum(volumes.get(label, 0.0) for label in labels) for name, labels in STRUCTURES.items()}
    there = [name for name, volume in totals.items() if volume > 0]
    said = [str(name) for name in rng.permutation(there)[: rng.integers(0, 3)]]
    if "lateral ventricles" in there and rng.random() < 0.6:
        said = ["lateral ventricles", *[name for name in said if name != "lateral ventricles"]][:2]
    somebody, placed = rng.random() < 0.5, rng.random() < 0.85
    return build_prompt(
        plane="axial", sequence=row["sequence"], position_mm=round(float(row["position_mm"]), 1) if placed else None,
        age=float(facts["age"]) if somebody else None, sex=str(facts["sex"]) if somebody else None,
        structures={name: totals[name] for name in said},
    )  # fmt: skip


def train(work: Path, slices: Path, minutes: list[object]) -> None:
    """Train VAE and diffusion model."""
    brain("ldm", "train-vae", slices, "--out", work / "vae", "--config", CONFIG, "--seed", SEED, *minutes)
    if not (work / "latents" / "config.json").exists():
        prompted = with_prompts(slices, work / "captions", work / "prompted")
        brain("ldm", "encode", prompted, work / "vae", "--out", work / "latents", "--seed", SEED)
    brain("ldm", "train-ldm", work / "latents", "--out", work / "model", "--config", CONFIG, "--seed", SEED, *minutes)


def install(work: Path) -> None:
    """Copy the model into the package, without the training state, with the slices it was trained on and its card."""
    shutil.rmtree(SHIPPED, ignore_errors=True)
    shutil.copytree(work / "model", SHIPPED, ignore=shutil.ignore_patterns("training"))
    found = read_slices(work / "prompted")
    table = found.table.drop(columns="file_name")
    images = [{"bytes": encode_png(picture), "path": None} for picture in found.images()]
    seen = SHIPPED / SEEN / "slices" / "train-00000-of-00001.parquet"
    with atomic_path(seen) as aside:
        table.assign(image=images).to_parquet(aside, index=False, compression="zstd")
    with (SHIPPED / "README.md").open("a", encoding="utf-8") as card:
        card.write(CARD)


def brain(*arguments: object) -> None:
    """Print a `brain` command and run it."""
    command = ["brain", *map(str, arguments)]
    print(f"$ {shlex.join(command)}", flush=True)
    subprocess.run([str(Path(sys.executable).with_name("brain")), *command[1:]], check=True)


if __name__ == "__main__":
    main()
