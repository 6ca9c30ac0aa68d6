"""Two sets of features and a kernel in, the squared maximum mean discrepancy out (Gretton et al. 2012, JMLR 13:723)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Kernel = Callable[[Float64, Float64], Float64]
ROWS = 1024
CMMD_SIGMA = 10.0


def cubic(first: Float64, second: Float64) -> Float64:
    """Return (x·y / d + 1)³, the kernel of KID (Bińkowski et al. 2018), shape (n, m)."""
    return (first @ second.T / first.shape[1] + 1) ** 3


def gaussian(first: Float64, second: Float64, sigma: float = CMMD_SIGMA) -> Float64:
    """Return exp(-|x - y|² / 2σ²), the kernel of CMMD with σ 10 (Jayasumana et al. 2024), shape (n, m)."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None] - 2 * first @ second.T
    return np.exp(-squares.clip(min=0) / (2 * sigma**2))


def discrepancy(
    first: Array, second: Array, kernel: Kernel, weights: tuple[Float64 | None, Float64 | None], unbiased: bool
) -> float:
    """Return MMD² of two samples, by blocks of rows, so that memory stays small.

    Parameters
    ----------
    first, second : ndarray, shape (n, d), (m, d)
    kernel : callable
    weights : pair of ndarray or None
        How often each row counts (bootstrap). With `unbiased`, pairs of a row with itself are left out, however often
        it was drawn.
    unbiased : bool
        The U-statistic (KID), which can be negative, or the V-statistic (CMMD).
    """
    one, two = (np.ones(len(x)) if w is None else w for x, w in zip((first, second), weights, strict=True))
    within = sum(_mean(x, x, w, w, kernel, unbiased) for x, w in ((first, one), (second, two)))
    return within - 2 * _mean(first, second, one, two, kernel, False)


def _mean(first: Array, second: Array, one: Float64, two: Float64, kernel: Kernel, without_self: bool) -> float:
    other = second.astype(np.float64)
    total = 0.0
    for start in range(0, len(first), ROWS):
        rows = slice(start, min(start + ROWS, len(first)))
        values = kernel(first[rows].astype(np.float64), other)
        if without_self:
            values[np.arange(values.shape[0]), np.arange(rows.start, rows.stop)] = 0
        total += float(one[rows] @ values @ two)
    pairs = one.sum() * two.sum() - (float(one @ two) if without_self else 0.0)
    return total / pairs
