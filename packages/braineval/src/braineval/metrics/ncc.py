"""Normalised cross-correlation of slices with the same key: Pearson's r of their greys, 1 is equal up to a window.

Pixels where either slice is above zero.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.paired import paired_score
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Images, Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean NCC over pairs."""
    return paired_score(
        "ncc", correlation, real, generated, settings, "pixels where either slice is above zero, no resizing"
    )


def correlation(first: Images, second: Images) -> npt.NDArray[np.float64]:
    """Return Pearson's r of each pair, shape (n,); not a number where a slice does not vary."""
    return np.array([_pearson(a, b) for a, b in zip(first, second, strict=True)])


def _pearson(first: Images, second: Images) -> float:
    seen = (first | second) > 0
    a, b = first[seen].astype(np.float64), second[seen].astype(np.float64)
    if not a.size or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(((a - a.mean()) * (b - b.mean())).mean() / (a.std() * b.std()))
