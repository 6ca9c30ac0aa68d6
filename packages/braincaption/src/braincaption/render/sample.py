"""A volume and a grid of pixels in, an 8-bit picture out: trilinear, one pass, black outside the space's grid."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from braincaption.render.view import PixelGrid, Vector
from braincaption.slicefolder import Picture

_EDGE = 0.5  # a voxel reaches half its size beyond its centre
_ROUNDING = 1e-6  # voxels; so that a pixel exactly on the edge does not depend on the last bit


def draw(
    data: npt.NDArray[np.float32],
    in_image: PixelGrid,
    in_space: PixelGrid,
    shape: tuple[int, int, int],
    window: tuple[float, float],
    size: int,
) -> Picture:
    """Return the picture of a slice.

    Parameters
    ----------
    data : ndarray of float32, shape (i, j, k)
        The image's volume.
    in_image, in_space : PixelGrid
        The pixels in voxel indices of the image and of the space.
    shape : tuple of int
        Of the space's grid: pixels outside it are black, as the slice ends there.
    window : tuple of float
        Intensities shown as 0 and as 255.
    size : int
        Height and width of the picture.

    Returns
    -------
    ndarray of uint8, shape (size, size)
    """
    picture = np.zeros((size, size), dtype=np.uint8)
    limits = np.array(shape, dtype=np.float64)
    _fill(picture, data, *_vectors(in_image), *_vectors(in_space), limits, float(window[0]), float(window[1]))
    return picture


def _vectors(grid: PixelGrid) -> tuple[Vector, Vector, Vector]:
    return grid.start, grid.down, grid.across


@numba.njit(cache=True, nogil=True)
def _fill(  # type: ignore[no-untyped-def]  # compiled; the types are those of `draw`
    picture, data, start, down, across, space_start, space_down, space_across, limits, low, high
):
    scale = 255.0 / (high - low)
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            inside = True
            for axis in range(3):
                at = space_start[axis] + row * space_down[axis] + column * space_across[axis]
                if at < -_EDGE - _ROUNDING or at > limits[axis] - _EDGE + _ROUNDING:
                    inside = False
            if inside:
                x = start[0] + row * down[0] + column * across[0]
                y = start[1] + row * down[1] + column * across[1]
                z = start[2] + row * down[2] + column * across[2]
                grey = (_trilinear(data, x, y, z, low) - low) * scale
                picture[row, column] = np.uint8(min(max(grey, 0.0), 255.0) + 0.5)


@numba.njit(cache=True, nogil=True, inline="always")
def _trilinear(data, x, y, z, outside):  # type: ignore[no-untyped-def]
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    u, v, w = x - i, y - j, z - k
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                weight = (u if a else 1 - u) * (v if b else 1 - v) * (w if c else 1 - w)
                if weight > 0.0:
                    p, q, r = i + a, j + b, k + c
                    known = 0 <= p < data.shape[0] and 0 <= q < data.shape[1] and 0 <= r < data.shape[2]
                    total += weight * (data[p, q, r] if known else outside)
    return total
