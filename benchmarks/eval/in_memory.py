"""A number of people and a seed in, a slice folder of phantom brains out, drawn from memory: a second a person.

    python benchmarks/eval/in_memory.py --out FOLDER --people 200 --seed 5001

The brains are those of `brain atlas phantom`, taken by their true masks, in their own space: no file, no registration
and no table of structures lies between, so that hundreds of people are affordable.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainatlas.phantom.subject import Subject, make_subject
from braincaption.progress import track
from braincaption.render.sample import draw
from braincaption.render.settings import ViewSettings
from braincaption.render.view import pixel_grid
from braincaption.render.window import brain_centre, intensity_window
from braincaption.slicefolder import write_slices

VIEW = ViewSettings(size=64)
EVERY = 3  # of the axial slices: neighbours are alike


def phantom_folder(out: Path, *, people: int, seed: int) -> Path:
    """Write every third axial slice of `people` phantom people in three contrasts."""
    if not (out / "metadata.parquet").is_file():
        write_slices(out, (one for i in track(range(1, people + 1), "people", people) for one in _slices(i, seed)))
    return out


def _slices(index: int, seed: int) -> Iterator[tuple[dict[str, Any], npt.NDArray[np.uint8]]]:
    person = make_subject(index, seed=seed)
    centre = brain_centre(person.mask.astype(np.float32))
    heights = np.flatnonzero(person.labels.any(axis=(0, 1)))[::EVERY]
    for contrast, scan in person.scans.items():
        brain = (scan.data * (person.mask > 0)).astype(np.float32)
        window = intensity_window(brain, person.mask > 0)
        for height in heights:
            yield _facts(person, contrast, int(height), seed), _picture(person, brain, int(height), centre, window)


def _facts(person: Subject, contrast: str, height: int, seed: int) -> dict[str, Any]:
    name = f"phantom{seed}_sub-{person.name}_{contrast}"
    return {
        "volume_id": f"{name}@{name}",
        "plane": "axial",
        "index": height,
        "sequence": contrast,
        "position_mm": float(person.affine[2, 2] * height + person.affine[2, 3]),
        "person": f"phantom{seed}/{person.name}",
        "split": "train",
        "pixel_mm": VIEW.pixel_mm,
        "displayed_side": VIEW.side("axial"),
    }


def _picture(
    person: Subject,
    brain: npt.NDArray[np.float32],
    height: int,
    centre: npt.NDArray[np.float64],
    window: tuple[float, float],
) -> npt.NDArray[np.uint8]:
    pixels = pixel_grid(person.affine, "axial", height, centre, VIEW).mapped(np.linalg.inv(person.affine))
    return draw(brain, pixels, pixels, brain.shape, window, VIEW.size)


def main() -> None:
    """Read the arguments and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args()
    print(phantom_folder(given.out, people=given.people, seed=given.seed))


if __name__ == "__main__":
    main()
