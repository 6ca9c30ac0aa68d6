"""A stripped scan in, the two intensities shown as black and as white out: one rule for every volume.

The window runs from the 0.5th to the 99.5th percentile of the brain's voxels (those inside the mask; without a mask,
those that are not zero), taken over the whole volume, so that slices of one scan can be compared. These are the
percentiles by which Wang et al. (TUMSyn) scale images before scoring them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LOW_PERCENT = 0.5
HIGH_PERCENT = 99.5
RULE = f"per-volume percentiles {LOW_PERCENT:g} and {HIGH_PERCENT:g} of the brain's voxels → 0 and 255"
_FOREGROUND = 0.05  # of the high percentile: what interpolation left around a brain lies below it


def intensity_window(data: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Return the intensities shown as 0 and as 255.

    Parameters
    ----------
    data : ndarray of float32, shape (i, j, k)
    mask : ndarray of bool, shape (i, j, k), optional
        The brain.

    Examples
    --------
    >>> brain = np.zeros((4, 4, 4), dtype=np.float32)
    >>> brain[1:3] = 50.0
    >>> brain[2] = 90.0
    >>> intensity_window(brain)
    (50.0, 90.0)
    """
    seen = data[mask] if mask is not None and mask.any() else data[data != 0]
    if seen.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(seen, (LOW_PERCENT, HIGH_PERCENT)))
    return (low, high) if high > low else (low, low + 1.0)


def brain_centre(data: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the middle of the box around a stripped brain, voxel indices, shape (3,).

    The box holds the voxels above a twentieth of the 99.5th percentile; on a scan with no background it is the grid.
    """
    positive = data[data > 0]
    threshold = _FOREGROUND * float(np.percentile(positive, HIGH_PERCENT)) if positive.size else 0.0
    return np.array([_middle(data > threshold, axis) for axis in range(3)])


def _middle(foreground: npt.NDArray[np.bool_], axis: int) -> float:
    others = tuple(other for other in range(3) if other != axis)
    filled = np.flatnonzero(foreground.any(axis=others))
    return (float(filled[0]) + float(filled[-1])) / 2 if filled.size else (foreground.shape[axis] - 1) / 2
