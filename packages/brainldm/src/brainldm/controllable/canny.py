"""An 8-bit slice in, its Canny edges out, as OpenCV defines them (scikit-image's differ in scale, bins and borders)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

LOW, HIGH = 100, 200  # Kim et al.
_SMOOTH, _DIFFERENCE = (1, 2, 1), (-1, 0, 1)
_SHIFT = 15
_TAN_22 = round(0.4142135623730950488 * (1 << _SHIFT))  # tan 22.5° in fixed point, so that ties fall as in OpenCV
_EIGHT = np.ones((3, 3), dtype=bool)


def canny(picture: npt.NDArray[np.uint8], low: int = LOW, high: int = HIGH) -> npt.NDArray[np.bool_]:
    """Return the edges of a slice (Canny 1986).

    The gradient is the 3×3 Sobel operator with replicated borders, its magnitude |dx| + |dy|, the direction one of
    four; a pixel stands out when it exceeds both neighbours along its gradient (one of them, in two of the four
    directions, may be as large). Pixels above `low` are kept when 8-connected to one above `high`. No smoothing.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width)
    low, high : int
        Thresholds of the magnitude, 0 to 2,040.

    Returns
    -------
    ndarray of bool, shape (height, width)

    Examples
    --------
    >>> picture = np.zeros((5, 6), dtype=np.uint8)
    >>> picture[:, 3:] = 200
    >>> canny(picture)[2].astype(int)
    array([0, 0, 1, 0, 0, 0])
    """
    if picture.dtype != np.uint8 or picture.ndim != 2:
        raise ValueError(f"a picture of {picture.dtype} and shape {picture.shape}, wanted uint8 and (height, width)")
    across, down = _sobel(picture, axis=1), _sobel(picture, axis=0)
    magnitude = np.abs(across) + np.abs(down)
    thin = (magnitude > low) & _stands_out(across, down, magnitude)
    components, _ = ndimage.label(thin, structure=_EIGHT)
    strong = np.unique(components[thin & (magnitude > high)])
    return thin & np.isin(components, strong)


def _sobel(picture: npt.NDArray[np.uint8], axis: int) -> npt.NDArray[np.int64]:
    along = ndimage.correlate1d(picture.astype(np.int64), _DIFFERENCE, axis=axis, mode="nearest")
    return ndimage.correlate1d(along, _SMOOTH, axis=1 - axis, mode="nearest")


def _stands_out(
    across: npt.NDArray[np.int64], down: npt.NDArray[np.int64], magnitude: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Tell where the magnitude is largest along the gradient; outside the slice it counts as 0."""
    height, width = magnitude.shape
    padded = np.pad(magnitude, 1)

    def neighbour(rows: int, columns: int) -> npt.NDArray[np.int64]:
        return padded[1 + rows : 1 + rows + height, 1 + columns : 1 + columns + width]

    x, y = np.abs(across), np.abs(down) << _SHIFT
    horizontal = y < x * _TAN_22
    vertical = ~horizontal & (y > x * _TAN_22 + (x << (_SHIFT + 1)))  # tan 67.5° = tan 22.5° + 2
    falling = (across ^ down) < 0  # the gradient points up right or down left
    diagonal = np.where(
        falling,
        (magnitude > neighbour(-1, 1)) & (magnitude > neighbour(1, -1)),
        (magnitude > neighbour(-1, -1)) & (magnitude > neighbour(1, 1)),
    )
    sideways = (magnitude > neighbour(0, -1)) & (magnitude >= neighbour(0, 1))
    upright = (magnitude > neighbour(-1, 0)) & (magnitude >= neighbour(1, 0))
    return np.select([horizontal, vertical], [sideways, upright], diagonal)
