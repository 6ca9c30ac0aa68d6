"""A volume and a voxel map in, the volume on another grid out: one numba loop, one resampling, no intermediate file.

Sample positions are voxel centres. A point farther than half a voxel outside the array gives the fill value; nearer
ones take the border voxel, as ITK's buffers do.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numba
import numpy as np
import numpy.typing as npt

from brainatlas.geometry import Matrix

Shape = tuple[int, int, int]
_Number = TypeVar("_Number", bound=np.generic)


def no_offset() -> npt.NDArray[np.float32]:
    """Return the offset of a map without warp."""
    return np.zeros((0, 0, 0, 3), dtype=np.float32)


def sample_nearest(
    data: npt.NDArray[_Number], to_voxel: Matrix, shape: Shape, offset: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[_Number]:
    """Return `data` at the nearest voxel of every voxel of a grid, 0 outside.

    Parameters
    ----------
    data : ndarray, shape (i, j, k)
    to_voxel : ndarray, shape (4, 4)
        Voxel of the new grid → voxel of `data`.
    shape : tuple of int
        Shape of the new grid.
    offset : ndarray of float32, shape (i, j, k, 3), optional
        What a warp adds to the voxel of `data`, at every voxel of the new grid.
    """
    out = np.zeros(shape, dtype=data.dtype)
    extra = no_offset() if offset is None else offset
    _nearest(np.ascontiguousarray(data), np.ascontiguousarray(to_voxel[:3]), extra, out)
    return out


def sample_linear(
    data: npt.NDArray[np.generic], to_voxel: Matrix, shape: Shape, offset: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.float32]:
    """Return `data` trilinearly interpolated at every voxel of a grid, float32, 0 outside; arguments as above."""
    out = np.zeros(shape, dtype=np.float32)
    extra = no_offset() if offset is None else offset
    _linear(np.ascontiguousarray(data, dtype=np.float32), np.ascontiguousarray(to_voxel[:3]), extra, out)
    return out


@numba.njit(cache=True, nogil=True)
def position(m, offset, i, j, k):  # type: ignore[no-untyped-def]
    """Return the (fractional) voxel that voxel (i, j, k) maps to: the affine `m`, and the warp's offset if any."""
    x = m[0, 0] * i + m[0, 1] * j + m[0, 2] * k + m[0, 3]
    y = m[1, 0] * i + m[1, 1] * j + m[1, 2] * k + m[1, 3]
    z = m[2, 0] * i + m[2, 1] * j + m[2, 2] * k + m[2, 3]
    if offset.shape[0] > 0:
        x += offset[i, j, k, 0]
        y += offset[i, j, k, 1]
        z += offset[i, j, k, 2]
    return x, y, z


@numba.njit(cache=True, nogil=True)
def _nearest(data, m, offset, out):  # type: ignore[no-untyped-def]
    ni, nj, nk = data.shape
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                # floor(x + 1/2), the rounding ITK uses: ties go up, never to the even voxel
                x, y, z = position(m, offset, i, j, k)
                u, v, w = math.floor(x + 0.5), math.floor(y + 0.5), math.floor(z + 0.5)
                if 0 <= u < ni and 0 <= v < nj and 0 <= w < nk:
                    out[i, j, k] = data[int(u), int(v), int(w)]


@numba.njit(cache=True, nogil=True)
def _linear(data, m, offset, out):  # type: ignore[no-untyped-def]
    ni, nj, nk = data.shape
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                x, y, z = position(m, offset, i, j, k)
                if x < -0.5 or y < -0.5 or z < -0.5 or x >= ni - 0.5 or y >= nj - 0.5 or z >= nk - 0.5:
                    continue
                x = min(max(x, 0.0), ni - 1.0)
                y = min(max(y, 0.0), nj - 1.0)
                z = min(max(z, 0.0), nk - 1.0)
                x0, y0, z0 = int(x), int(y), int(z)
                x1, y1, z1 = min(x0 + 1, ni - 1), min(y0 + 1, nj - 1), min(z0 + 1, nk - 1)
                fx, fy, fz = x - x0, y - y0, z - z0
                c00 = data[x0, y0, z0] * (1 - fx) + data[x1, y0, z0] * fx
                c10 = data[x0, y1, z0] * (1 - fx) + data[x1, y1, z0] * fx
                c01 = data[x0, y0, z1] * (1 - fx) + data[x1, y0, z1] * fx
                c11 = data[x0, y1, z1] * (1 - fx) + data[x1, y1, z1] * fx
                out[i, j, k] = (c00 * (1 - fy) + c10 * fy) * (1 - fz) + (c01 * (1 - fy) + c11 * fy) * fz
