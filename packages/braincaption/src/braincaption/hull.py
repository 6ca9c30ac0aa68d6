"""A label map's labelled box in, the slanted planes that enclose its labels out: what a line need not read.

A head fills half of its box at most. Ten pairs of parallel planes cut the box's edges and corners off, so that a line
through the box is read only where labels can be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

# Across the edges and the corners of a cube; its faces are the box itself.
_EDGES = [(1, 1, 0), (1, -1, 0), (1, 0, 1), (1, 0, -1), (0, 1, 1), (0, 1, -1)]
_CORNERS = [(1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1)]
NORMALS = np.array(_EDGES + _CORNERS, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Hull:
    """Bounds ``low <= NORMALS @ point <= high`` for every point of a labelled voxel [v, v + 1), in voxels.

    Attributes
    ----------
    low, high : ndarray of int64, shape (10,)
    """

    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]


def enclose(labels: npt.NDArray[np.generic]) -> Hull:
    """Return the hull of the voxels of `labels`, shape (a, b, c), that are not 0."""
    low, high = _enclose(labels, NORMALS)
    return Hull(low=low, high=high)


@numba.njit(cache=True, nogil=True)
def _enclose(labels, normals):  # type: ignore[no-untyped-def]
    low, high = np.full(len(normals), 1 << 40), np.full(len(normals), -(1 << 40))
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            first, last = -1, -1
            for k in range(labels.shape[2]):
                if labels[i, j, k]:
                    last = k
                    if first < 0:
                        first = k
            if last < 0:
                continue
            # The hull is convex: the ends of a line stand for what lies between them.
            for n in range(len(normals)):
                here = normals[n, 0] * i + normals[n, 1] * j
                one, other = here + normals[n, 2] * first, here + normals[n, 2] * last
                low[n], high[n] = min(low[n], one, other), max(high[n], one, other)
    for n in range(len(normals)):
        for axis in range(3):
            low[n] += min(normals[n, axis], 0)
            high[n] += max(normals[n, axis], 0)
    return low, high
