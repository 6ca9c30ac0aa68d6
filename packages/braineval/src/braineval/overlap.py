"""Two segmentations, or volumes measured twice, in; Dice and agreement by structure out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
FEWEST = 3  # pairs below which a correlation says nothing


def pooled_dice(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8], classes: int) -> Float:
    """Return the Dice of each class over all slices together, shape (classes,); NaN where neither side shows it."""
    size = classes + 1
    both = np.bincount(first[first == second].ravel(), minlength=size)[1:size]
    total = sum(np.bincount(side.ravel(), minlength=size)[1:size] for side in (first, second))
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * both / total)


def pearson(first: Float, second: Float) -> float:
    """Return Pearson's r; NaN with fewer than three pairs or where a side does not vary.

    Examples
    --------
    >>> round(pearson(np.array([1.0, 2, 3]), np.array([3.0, 5, 7])), 12)
    1.0
    """
    if len(first) < FEWEST or first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def icc(first: Float, second: Float) -> float:
    """Return ICC(2,1): two-way random effects, absolute agreement, one measurement (Shrout and Fleiss 1979).

    NaN with fewer than three pairs or where nothing varies.

    Examples
    --------
    >>> ones = np.array([1.0, 2, 3, 4])
    >>> icc(ones, ones), round(icc(ones, ones + 1), 3)
    (1.0, 0.769)
    """
    n = len(first)
    if n < FEWEST:
        return float("nan")
    table = np.stack([first, second], axis=1)
    grand = table.mean()
    rows = 2 * ((table.mean(axis=1) - grand) ** 2).sum() / (n - 1)
    columns = n * ((table.mean(axis=0) - grand) ** 2).sum()
    rest = ((table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + grand) ** 2).sum() / (n - 1)
    below = rows + rest + 2 * (columns - rest) / n
    return float((rows - rest) / below) if below > 0 else float("nan")
