"""Synthetic slices with known answers: oval heads of two tissues and a ventricle in three contrasts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from braincaption.schema import GENERATED_FOLDER, SLICE_FOLDER
from braincaption.slicefolder import write_slices
from braineval.slices import Arrays, Slices, from_reader

# Grey of grey matter, white matter and ventricle in each contrast.
TISSUES = {"T1w": (110, 200, 30), "T2w": (150, 90, 240), "FLAIR": (180, 120, 20)}
SEQUENCES = tuple(TISSUES)


def draw(person: int, sequence: str, position: int, size: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Draw one slice, shape (size, size): the person sets the oval's axes and the ventricle, `position` its height."""
    y, x = (np.mgrid[:size, :size] - (size - 1) / 2) / (size / 2)
    anatomy = np.random.default_rng(person)
    wide, long = 0.6 + 0.1 * anatomy.random(), 0.75 + 0.1 * anatomy.random()
    radius = np.sqrt((x / wide) ** 2 + (y / long) ** 2) * (1 + 0.01 * abs(position))
    ventricle = np.sqrt((x / (0.12 + 0.1 * anatomy.random())) ** 2 + (y / 0.3) ** 2)
    grey, white, fluid = TISSUES[sequence]
    image = np.where(radius < 1, grey, 0)
    image = np.where(radius < 0.7, white, image)
    image = np.where(ventricle < 1, fluid, image) * (radius < 1)
    noisy = image + rng.normal(0, 4, image.shape) * (radius < 1)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def rows(people: int, positions: int, split: Callable[[int], str | None]) -> list[dict[str, Any]]:
    """Return the table of `people` × three contrasts × `positions` axial slices."""
    return [
        {
            "volume_id": f"demo_sub-{person:02d}_{sequence}@demo_sub-{person:02d}_{sequence}",
            "plane": "axial",
            "index": position,
            "caption": f"Axial {sequence} slice of person {person}.",
            "sequence": sequence,
            "position_mm": float(4 * position - 20),
            "person": f"demo/sub-{person:02d}",
            "split": split(person),
            "displayed_side": "radiological",
        }
        for person in range(people)
        for sequence in SEQUENCES
        for position in range(positions)
    ]


def by_person(person: int) -> str:
    """Put every fourth person aside for testing."""
    return "test" if person % 4 == 3 else "train"


def slices(people: int = 4, positions: int = 4, size: int = 64, seed: int = 0, name: str = "real") -> Slices:
    """Return slices in memory."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rows(people, positions, by_person))
    pixels = np.stack(
        [draw(i // (3 * positions), row["sequence"], row["index"], size, rng) for i, row in table.iterrows()]  # type: ignore[operator]
    )
    return from_reader(Arrays(table=table, pixels=pixels), name)


def write(folder: Path, chosen: Slices, generated: bool = False) -> Path:
    """Write slices as a slice folder; `generated` adds the columns of a model."""
    table = chosen.table
    extra = {"model": "demo", "seed": 0, "steps": 20, "sampler": "ddim", "guidance": 2.0} if generated else {}
    pairs = [
        (
            {name: None if pd.isna(v) else v for name, v in row.items()} | (extra | {"seed": i} if generated else {}),
            image,
        )
        for i, (row, image) in enumerate(zip(table.to_dict("records"), chosen.images(), strict=True))
    ]
    write_slices(folder, pairs, GENERATED_FOLDER if generated else SLICE_FOLDER)  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="session")
def real_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight people, three contrasts, six positions, 64 × 64."""
    return write(tmp_path_factory.mktemp("slices") / "real", slices(people=8, positions=6))


@pytest.fixture(scope="session")
def make() -> Callable[..., Slices]:
    """The function that makes slices in memory."""
    return slices


@pytest.fixture(scope="session")
def write_folder() -> Callable[..., Path]:
    """The function that writes slices as a slice folder."""
    return write
