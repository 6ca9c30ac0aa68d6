"""A folder in, phantom people scanned by many protocols out: BIDS, stripped, several echo times a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from brainatlas.phantom import Grid, Head, Protocol, make_head, scan_head
from brainatlas.phantom.protocol import draw_protocol
from braincaption.atomic import atomic_folder

SEED = 31
NATIVE = Grid(shape=(64, 72, 64), zoom_mm=3.0, split=3)
FINE = Grid(shape=(96, 108, 96), zoom_mm=2.0, split=2)  # 1.5 times finer, the same field of view
ECHOES_MS = ((40.0, 80.0), (80.0, 120.0), (120.0, 160.0))  # a T2w scan a person in each


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How many people are trained on at each voxel size, and how many are held out."""

    fine: int
    native: int
    test: int


FULL = Sizes(fine=32, native=128, test=24)
# Numbers of the people held out: those below have been learned from, scored or chosen on while the system was made.
FIRST_HELD_OUT = 301


def phantom_cohort(folder: Path, sizes: Sizes) -> Path:
    """Return a BIDS folder of stripped phantom people, made where it is missing."""
    if (folder / "participants.tsv").is_file():
        return folder
    grids = [FINE] * sizes.fine + [NATIVE] * (sizes.native + sizes.test)
    learned_from = range(1, 1 + sizes.fine + sizes.native)
    numbers = [*learned_from, *range(FIRST_HELD_OUT, FIRST_HELD_OUT + sizes.test)]
    with atomic_folder(folder) as aside, ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        people = list(pool.map(write_person, repeat(aside), numbers, grids))
        table = pd.DataFrame(people)
        table["split"] = ["train"] * len(learned_from) + ["test"] * sizes.test
        table.to_csv(aside / "participants.tsv", sep="\t", index=False)
        about = {"Name": "Phantom people, many protocols", "BIDSVersion": "1.10.0", "License": "CC0-1.0"}
        (aside / "dataset_description.json").write_text(json.dumps(about))
    return folder


def write_person(folder: Path, index: int, grid: Grid) -> dict[str, object]:
    """Write one person's scans and return their row of participants.tsv."""
    head = make_head(index, seed=SEED, grid=grid)
    name = f"sub-{index:03d}"
    anat = folder / name / "anat"
    anat.mkdir(parents=True)
    for number, (entity, protocol) in enumerate(protocols(index)):
        scan = scan_head(head, protocol, np.random.default_rng([SEED, index, number]))
        save(anat / f"{name}{entity}_{protocol.contrast}.nii.gz", scan.data * head.mask, head)
        (anat / f"{name}{entity}_{protocol.contrast}.json").write_text(json.dumps(protocol.sidecar()))
    return {"participant_id": name, "age": head.age, "sex": head.sex}


def protocols(index: int) -> Iterator[tuple[str, Protocol]]:
    """Yield entity and protocol of each of a person's scans."""
    rng = np.random.default_rng([SEED, index])
    yield "", draw_protocol("T1w", rng)
    for number, (low, high) in enumerate(ECHOES_MS, start=1):
        te = round(float(rng.uniform(low, high)), 1)
        yield f"_acq-echo{number}", replace(draw_protocol("T2w", rng), te_ms=te)
    yield "", draw_protocol("FLAIR", rng)


def save(path: Path, data: np.ndarray, head: Head) -> None:
    """Write voxels on the head's grid."""
    nib.save(nib.Nifti1Image(data, head.grid.affine), path)
