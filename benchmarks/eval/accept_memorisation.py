"""Slices of several people in, how many planted copies are found and how many slices of unseen people are accused out.

    python benchmarks/eval/accept_memorisation.py [--slices SLICE_FOLDER]... [--out memorisation.json]

Training people: two thirds; the threshold is set on half of the others and checked on the other half. Copies of 150
training slices: exact, shifted by 1 to 3 of 64 pixels, brightened or darkened by up to a quarter, all of it together.
Recall and false positives are of the slices judged: those that show next to nothing are nobody's copies.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cohort import phantom_slices

from braineval.metrics.memorisation import score
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader, open_slices

Images = npt.NDArray[np.uint8]
COPIES = 150


def exact(images: Images, rng: np.random.Generator) -> Images:
    """Return the slices as they are."""
    return images


def shifted(images: Images, rng: np.random.Generator) -> Images:
    """Shift each slice by 1 to 3 of 64 pixels along both axes."""
    unit = images.shape[1] / 64
    moves = (rng.integers(1, 4, (len(images), 2)) * rng.choice([-1, 1], (len(images), 2)) * unit).astype(int)
    return np.stack([np.roll(image, tuple(move), axis=(0, 1)) for image, move in zip(images, moves, strict=True)])


def brightened(images: Images, rng: np.random.Generator) -> Images:
    """Multiply each slice by 0.75 to 1.25, cut at white."""
    return (images * rng.uniform(0.75, 1.25, (len(images), 1, 1))).clip(0, 255).astype(np.uint8)


def everything(images: Images, rng: np.random.Generator) -> Images:
    """Shift and brighten."""
    return brightened(shifted(images, rng), rng)


WAYS: tuple[Callable[[Images, np.random.Generator], Images], ...] = (exact, shifted, brightened, everything)


def main() -> None:
    """Measure on every folder and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=Path, action="append", help="slice folder; a phantom cohort by default")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("memorisation.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folders = given.slices or [phantom_slices(Path(work), people=24, seed=6001)]
        rows = [row for folder in folders for row in measured(divided(open_slices(folder)), folder.name)]
    record = {
        "command": "python benchmarks/eval/accept_memorisation.py",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, CPU only",
        "date": datetime.date.today().isoformat(),
        "seed": 0,
        "rows": rows,
    }
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def divided(slices: Slices) -> Slices:
    """Return axial slices, two thirds of the people marked as training, the others as test."""
    table, chosen = slices.table, np.flatnonzero(slices.column("plane") == "axial")
    people = np.random.default_rng(0).permutation(sorted(table["person"].unique()))
    table["split"] = np.where(np.isin(table["person"], people[: 2 * len(people) // 3]), "train", "test")
    return from_reader(Arrays(table=table, pixels=slices.images()), slices.name).select(chosen)


def measured(real: Slices, name: str) -> list[dict[str, object]]:
    """Return recall of every kind of copy and the false alarms on unseen people."""
    rng = np.random.default_rng(0)
    training = real.select(real.column("split") == "train")
    copied = training.select(np.sort(rng.permutation(len(training))[:COPIES]))
    rows: list[dict[str, object]] = []
    for way in WAYS:
        made = from_reader(Arrays(table=copied.table, pixels=way(copied.images(), rng)), way.__name__)
        found = score(real, made, Settings(draws=2))
        rows.append(
            {
                "slices": name,
                "people": real.people,
                "training_slices": len(training),
                "copies": way.__name__,
                "planted": len(made),
                "judged": found.n_generated,
                "recall": found.value,
                "false_positive_rate": found.floor.people,
                "threshold": round(float(found.details["threshold"]), 5),
            }
        )
        print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    main()
