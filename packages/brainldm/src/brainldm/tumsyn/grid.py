"""A grid and a voxel size in, the grid that covers the same field of view out; volumes averaged onto coarser grids.

Fields of view meet at their corners: voxel i of a grid covers i to i + 1 along an axis, so centres lie at i + ½.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Affine = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Voxels in the world.

    Attributes
    ----------
    shape : tuple of int
    affine : ndarray, shape (4, 4)
        Voxel index → world, RAS, mm.
    """

    shape: tuple[int, ...]
    affine: Affine

    @property
    def zooms(self) -> npt.NDArray[np.float64]:
        """Voxel size along the array axes, mm."""
        return np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))

    def at(self, zooms: tuple[float, ...]) -> Grid:
        """Return the grid of voxel size `zooms` with the same outer corner at voxel 0.

        The voxel size is exact; the number of voxels is rounded, so the far side may differ by half a voxel.

        Examples
        --------
        >>> finer = Grid(shape=(4, 4, 4), affine=np.diag([3.0, 3.0, 3.0, 1.0])).at((2.0, 2.0, 2.0))
        >>> finer.shape, finer.affine[:3, 3].tolist()
        ((6, 6, 6), [-0.5, -0.5, -0.5])
        """
        ratio = np.asarray(zooms, dtype=np.float64) / self.zooms
        shape = tuple(max(1, round(n / step)) for n, step in zip(self.shape, ratio, strict=True))
        affine = self.affine.copy()
        affine[:3, :3] = self.affine[:3, :3] * ratio
        affine[:3, 3] = self.affine[:3, 3] + self.affine[:3, :3] @ ((ratio - 1) / 2)
        return Grid(shape=shape, affine=affine)


def centres(source: Grid, target: Grid) -> tuple[npt.NDArray[np.float64], ...]:
    """Return where the voxel centres of `target` lie along each axis of `source`, in its voxels; 0 is its corner."""
    ratio = target.zooms / source.zooms
    return tuple((np.arange(n) + 0.5) * step for n, step in zip(target.shape, ratio, strict=True))


def averaging(length: int, count: int) -> npt.NDArray[np.float32]:
    """Return the matrix, shape (count, length), that averages `length` voxels over the extents of `count` coarser ones.

    Examples
    --------
    >>> averaging(3, 2).round(2).tolist()
    [[0.67, 0.33, 0.0], [0.0, 0.33, 0.67]]
    """
    edges = np.linspace(0, length, count + 1)
    low = np.maximum(edges[:-1, None], np.arange(length)[None])
    high = np.minimum(edges[1:, None], np.arange(length)[None] + 1)
    return np.asarray(np.clip(high - low, 0, None) / (length / count), dtype=np.float32)


def averaged(data: npt.NDArray[np.floating], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return a volume averaged onto `shape` voxels over the same field of view, axis by axis."""
    coarse = np.array(data, dtype=np.float32)  # a copy: the caller's array is never handed back
    for axis, count in enumerate(shape):
        if count != coarse.shape[axis]:
            matrix = averaging(coarse.shape[axis], count)
            coarse = np.moveaxis(np.tensordot(matrix, coarse, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(coarse)
