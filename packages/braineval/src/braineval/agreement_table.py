"""Slices and the volumes asked for in, how well the volumes found agree with them, structure by structure, out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braineval.asked import Volumes
from braineval.overlap import icc, pearson
from braineval.segmenter import Segmenter
from braineval.slices import Slices


@dataclass(frozen=True, kw_only=True)
class Row:
    """Agreement on one structure: Pearson's r and ICC(2,1) of its volumes, Dice where pixels are compared."""

    label: int
    slices: int
    pearson: float
    icc: float
    dice: float | None = None


def volume_table(segmenter: Segmenter, slices: Slices, asked: list[Volumes], batch: int) -> list[Row]:
    """Return a row for every structure, over the slices where it is asked for or found."""
    found = segmenter.volumes(segmenter.pixels(slices, batch))
    wanted = np.array([[one.get(label, 0.0) for label in segmenter.about.labels] for one in asked])
    return rows(segmenter.about.labels, wanted, found)


def rows(
    labels: tuple[int, ...],
    first: npt.NDArray[np.float64],
    second: npt.NDArray[np.float64],
    dice: npt.NDArray[np.float64] | None = None,
) -> list[Row]:
    """Return a row for every label of volumes measured twice, shape (n, labels) each."""
    made = []
    for k, label in enumerate(labels):
        there = (first[:, k] > 0) | (second[:, k] > 0)
        a, b = first[there, k], second[there, k]
        made.append(
            Row(
                label=label,
                slices=int(there.sum()),
                pearson=pearson(a, b),
                icc=icc(a, b),
                dice=None if dice is None else float(dice[k]),
            )
        )
    return made


def mean(values: list[float | None]) -> float:
    """Return the mean of those that are numbers; NaN when none is."""
    known = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def in_words(table: list[Row]) -> str:
    """Return the means over structures as words."""
    counted = sum(np.isfinite(row.icc) for row in table)
    return (
        f"volumes of {counted} structures, mean Pearson r {mean([row.pearson for row in table]):.3f}, mean ICC(2,1) "
        f"{mean([row.icc for row in table]):.3f}"
    )


def by_structure(table: list[Row]) -> list[dict[str, float | int | None]]:
    """Return the rows as they stand in a score's details."""
    return [vars(row) for row in table]
