"""Synthetic slices with captions that say what they show: a disc with a hole, bright or dark by sequence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from braincaption.slicefolder import write_slices

SIZE = 32
GREY = {"T1w": (200, 60), "T2w": (110, 250), "FLAIR": (160, 20)}  # of the disc and of its hole


def draw(sequence: str, hole: int) -> np.ndarray:
    """Return a disc with a square hole of `hole` pixels."""
    rows, columns = np.indices((SIZE, SIZE)) - SIZE // 2
    picture = np.zeros((SIZE, SIZE), dtype=np.uint8)
    picture[rows**2 + columns**2 < 12**2] = GREY[sequence][0]
    picture[(abs(rows) * 2 < hole) & (abs(columns) * 2 < hole)] = GREY[sequence][1]
    return picture


@pytest.fixture(scope="session")
def slice_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slice folder of 4 people, 3 sequences and 3 holes; the last person is held out for validation."""
    out = tmp_path_factory.mktemp("ldm") / "slices"
    rows = []
    for person in range(4):
        for sequence in GREY:
            for index, hole in enumerate((4, 8, 12)):
                facts = {
                    "volume_id": f"made_sub-{person}_{sequence}",
                    "plane": "axial",
                    "index": index,
                    "caption": f"Axial {sequence} slice, person {person}, a hole of {hole} mm³.",
                    "sequence": sequence,
                    "position_mm": float(hole),
                    "person": f"made/{person}",
                    "split": "validation" if person == 3 else "train",
                    "pixel_mm": 2.0,
                }
                rows.append((facts, draw(sequence, hole)))
    write_slices(out, rows)
    return out


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
