"""Two line drawings in, how far they agree when lines may lie a few pixels apart out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Lines = npt.NDArray[np.bool_]
TOLERANCE_PX = 2.0


def tolerant_dice(lines: Lines, others: Lines, tolerance: float = TOLERANCE_PX) -> float:
    """Return the Dice coefficient of two drawings, a pixel counting as shared within `tolerance` of the other one.

    (A's pixels near B + B's pixels near A) / (A's pixels + B's pixels), distances Euclidean between pixel centres; 1
    where both are empty.

    Parameters
    ----------
    lines, others : ndarray of bool, shape (height, width)
    tolerance : float
        Pixels.

    Examples
    --------
    >>> left, right = np.zeros((2, 5, 9), dtype=bool)
    >>> left[:, 2] = right[:, 4] = right[0, 7] = True
    >>> round(tolerant_dice(left, right), 3), tolerant_dice(left, right, 1.0)
    (0.909, 0.0)
    """
    total = int(lines.sum() + others.sum())
    if total == 0:
        return 1.0
    if not lines.any() or not others.any():
        return 0.0
    near_others = ndimage.distance_transform_edt(~others) <= tolerance
    near_lines = ndimage.distance_transform_edt(~lines) <= tolerance
    return float((lines & near_others).sum() + (others & near_lines).sum()) / total
