"""Magnitudes of a slice in, a square 8-bit picture of a given pixel size out; never stretched, padded with black."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braincaption.render.settings import ViewSettings
from braincaption.slicefolder import Picture

HIGH_PERCENT = 99.5
RULE = f"0 and, per volume, percentile {HIGH_PERCENT:g} of the voxels above a twentieth of it → 0 and 255"
_FOREGROUND = 0.05


def foreground(data: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return which voxels are no air: those above a twentieth of the 99.5th percentile."""
    return data > _FOREGROUND * float(np.percentile(data, HIGH_PERCENT))


def white(data: npt.NDArray[np.float32]) -> float:
    """Return the magnitude shown as 255, one for a volume; black is 0, as magnitudes begin there."""
    inside = data[foreground(data)]
    return float(np.percentile(inside, HIGH_PERCENT)) if inside.size else 1.0


def pixel_mm(shape: tuple[int, int], known: tuple[float, float] | None, view: ViewSettings) -> tuple[float, float]:
    """Return a pixel's height and width; where nobody says, the longer side fills the picture."""
    if known is not None:
        return known
    each = view.fov_mm / max(shape)
    return each, each


def square_picture(
    image: npt.NDArray[np.float32], size_mm: tuple[float, float], bright: float, view: ViewSettings
) -> Picture:
    """Return `image`, shape (rows, columns) with pixels of `size_mm`, in the middle of a picture of (size, size)."""
    down, across = (
        _weights(length, mm / view.pixel_mm, view.size) for length, mm in zip(image.shape, size_mm, strict=True)
    )
    grey = down @ image.astype(np.float64) @ across.T
    return np.clip(np.rint(255.0 * grey / bright), 0, 255).astype(np.uint8)


def _weights(length: int, step: float, size: int) -> npt.NDArray[np.float64]:
    """Return the (size, length) weights of linear interpolation, widened where the picture is coarser.

    Pixel i of the image lies at (i − (length − 1) / 2) · step + (size − 1) / 2; beyond its edges there is black.
    """
    places = (np.arange(length) - (length - 1) / 2) * step + (size - 1) / 2
    reach = max(step, 1.0)
    weights = np.clip(1 - np.abs(np.arange(size)[:, None] - places[None, :]) / reach, 0, None)
    sums = weights.sum(axis=1, keepdims=True)
    inside = np.abs(np.arange(size) - (size - 1) / 2)[:, None] <= length * step / 2
    return np.where(inside & (sums > 0), weights / np.where(sums > 0, sums, 1), 0.0)
