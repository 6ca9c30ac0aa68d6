"""A warp and the template in, tissue fractions, labels and mask of one person's grid out: one pass, in numba.

Every voxel is cut into sub-voxels; each is carried to the template, where fractions are read trilinearly and the label
of the nearest voxel votes. So thick voxels show partial volume as a scanner's do.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
from scipy import ndimage

BLOCK = 4
LABELS = 64  # the template's numbers lie below


@numba.njit(cache=True)
def sample_head(
    shape: tuple[int, int, int],
    first: npt.NDArray[np.float64],
    zoom: float,
    split: int,
    matrix: npt.NDArray[np.float64],
    field: npt.NDArray[np.float32],
    field_first: npt.NDArray[np.float64],
    field_step: float,
    fractions: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    brain: npt.NDArray[np.uint8],
    template_first: npt.NDArray[np.float64],
    occupied: npt.NDArray[np.bool_],
    widening: float,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Carry a grid through a warp.

    Parameters
    ----------
    shape, first, zoom
        Grid: voxels, world coordinates of the first voxel's centre in mm, voxel size in mm.
    split : int
        Sub-voxels along each axis of a voxel.
    matrix, field, field_first, field_step
        The warp, see `brainatlas.phantom.deform.Warp`.
    fractions, labels, brain, template_first
        The template on its 1 mm grid, see `brainatlas.phantom.anatomy.Anatomy`.
    occupied : ndarray of bool, shape (a, b, c)
        Blocks of `BLOCK` template voxels that hold a head, from `blocks_of`: a quarter of a scan is air.
    widening : float
        Share by which sulcal fluid gains on the tissue beside it (0 = as in the template).

    Returns
    -------
    parts : ndarray of float32, shape `shape` + (tissues,)
        Mean tissue fractions, 0 to 1.
    votes : ndarray of uint8, shape `shape`
        Most frequent label of the sub-voxels, the smaller number on a tie.
    mask : ndarray of uint8, shape `shape`
        1 where at least half of the sub-voxels are brain.
    """
    ni, nj, nk = shape
    parts = np.zeros((ni, nj, nk, fractions.shape[3]), np.float32)
    votes = np.zeros((ni, nj, nk), np.uint8)
    mask = np.zeros((ni, nj, nk), np.uint8)
    count = np.zeros(LABELS, np.int32)
    part = np.zeros(fractions.shape[3], np.float32)
    middle, p, q = np.zeros(3), np.zeros(3), np.zeros(3)
    for i in range(ni):
        for j in range(nj):
            for k in range(nk):
                middle[0], middle[1], middle[2] = first[0] + zoom * i, first[1] + zoom * j, first[2] + zoom * k
                _carry(middle, matrix, field, field_first, field_step, q)
                if not _is_occupied(occupied, q, template_first):
                    continue
                count[:] = 0
                inside = 0
                for sub in range(split**3):
                    p[0] = middle[0] + zoom * ((sub // (split * split) + 0.5) / split - 0.5)
                    p[1] = middle[1] + zoom * ((sub // split % split + 0.5) / split - 0.5)
                    p[2] = middle[2] + zoom * ((sub % split + 0.5) / split - 0.5)
                    _carry(p, matrix, field, field_first, field_step, q)
                    inside += _look(q, fractions, labels, brain, template_first, widening, count, part)
                    parts[i, j, k] += part / split**3
                votes[i, j, k] = _most_frequent(count)
                mask[i, j, k] = 2 * inside >= split**3
    return parts, votes, mask


@numba.njit(cache=True)
def _look(q, fractions, labels, brain, first, widening, count, part):  # type: ignore[no-untyped-def]
    """Read the tissues at `q` into `part`, count the label of the nearest voxel, and tell whether it is brain."""
    part[:] = 0
    a, b, c = round(q[0] - first[0]), round(q[1] - first[1]), round(q[2] - first[2])
    if a < 0 or b < 0 or c < 0 or a >= labels.shape[0] or b >= labels.shape[1] or c >= labels.shape[2]:
        return 0
    count[labels[a, b, c]] += 1
    _read(fractions, q, first, part)
    _widen(part, widening)
    return brain[a, b, c]


@numba.njit(cache=True)
def _most_frequent(count):  # type: ignore[no-untyped-def]
    best = 0
    for label in range(1, count.size):
        if count[label] > count[best]:
            best = label
    return best


def blocks_of(fractions: npt.NDArray[np.uint8], zoom_mm: float) -> npt.NDArray[np.bool_]:
    """Return which blocks of `BLOCK`³ template voxels a voxel of `zoom_mm` centred there may see tissue in."""
    any_tissue = fractions.any(axis=3)
    padded = np.pad(any_tissue, [(0, -n % BLOCK) for n in any_tissue.shape])
    a, b, c = (n // BLOCK for n in padded.shape)
    blocks: npt.NDArray[np.bool_] = np.asarray(padded.reshape(a, BLOCK, b, BLOCK, c, BLOCK).any(axis=(1, 3, 5)))
    reach = int(np.ceil((1.5 * zoom_mm + 2) / BLOCK))  # half a voxel's diagonal, stretched by the warp, and one more
    around = np.ones((3, 3, 3), dtype=np.bool_)
    return np.asarray(ndimage.binary_dilation(blocks, around, iterations=reach), dtype=np.bool_)


@numba.njit(cache=True)
def _is_occupied(occupied, q, first):  # type: ignore[no-untyped-def]
    a, b, c = (q[0] - first[0]) // BLOCK, (q[1] - first[1]) // BLOCK, (q[2] - first[2]) // BLOCK
    if a < 0 or b < 0 or c < 0 or a >= occupied.shape[0] or b >= occupied.shape[1] or c >= occupied.shape[2]:
        return True  # beyond the template: let the sub-voxels tell
    return occupied[int(a), int(b), int(c)]


@numba.njit(cache=True)
def _carry(p, matrix, field, first, step, q):  # type: ignore[no-untyped-def]
    fx = min(max((p[0] - first[0]) / step, 0.0), field.shape[0] - 1.001)
    fy = min(max((p[1] - first[1]) / step, 0.0), field.shape[1] - 1.001)
    fz = min(max((p[2] - first[2]) / step, 0.0), field.shape[2] - 1.001)
    i, j, k = int(fx), int(fy), int(fz)
    fx, fy, fz = fx - i, fy - j, fz - k
    for axis in range(3):
        low = (field[i, j, k, axis] * (1 - fz) + field[i, j, k + 1, axis] * fz) * (1 - fy) + (
            field[i, j + 1, k, axis] * (1 - fz) + field[i, j + 1, k + 1, axis] * fz
        ) * fy
        high = (field[i + 1, j, k, axis] * (1 - fz) + field[i + 1, j, k + 1, axis] * fz) * (1 - fy) + (
            field[i + 1, j + 1, k, axis] * (1 - fz) + field[i + 1, j + 1, k + 1, axis] * fz
        ) * fy
        moved = low * (1 - fx) + high * fx
        q[axis] = matrix[axis, 0] * p[0] + matrix[axis, 1] * p[1] + matrix[axis, 2] * p[2] + matrix[axis, 3] + moved


@numba.njit(cache=True)
def _read(fractions, q, first, part):  # type: ignore[no-untyped-def]
    part[:] = 0
    x, y, z = q[0] - first[0], q[1] - first[1], q[2] - first[2]
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    x, y, z = x - i, y - j, z - k
    if i < 0 or j < 0 or k < 0:
        return
    if i + 1 >= fractions.shape[0] or j + 1 >= fractions.shape[1] or k + 1 >= fractions.shape[2]:
        return
    for corner in range(8):
        a, b, c = corner >> 2, corner >> 1 & 1, corner & 1
        weight = (x if a else 1 - x) * (y if b else 1 - y) * (z if c else 1 - z) / 255
        for t in range(part.size):
            part[t] += weight * fractions[i + a, j + b, k + c, t]


@numba.njit(cache=True)
def _widen(part, widening):  # type: ignore[no-untyped-def]
    tissue = part[1] + part[2]
    if part[0] > 0 and tissue > 0:
        gained = min(part[0] * widening, tissue)
        part[0] += gained
        part[1] *= (tissue - gained) / tissue
        part[2] *= (tissue - gained) / tissue
