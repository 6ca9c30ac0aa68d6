"""A label map and a space's grid in, voxels of every structure on every slice of three planes out, in one pass.

Resampling is by nearest neighbour, ``floor(x + 0.5)`` on each axis, inside the half-open box [-0.5, n - 0.5): the rule
of ITK's nearest-neighbour interpolator, so that counts equal those after ANTs' resampling except where a point falls
on the border between two voxels to within rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numba
import numpy as np
import numpy.typing as npt

from braincaption.hull import NORMALS, Hull, enclose
from braincaption.nifti import Volume

_BITS = 40  # of a voxel coordinate's fraction: steps of 1e-12 voxel, and room for four million voxels before it


@dataclass(frozen=True, kw_only=True)
class CompactLabels:
    """The labelled box of a label map, with labels renumbered 1, 2, … in ascending order.

    Attributes
    ----------
    data : ndarray of uint8 or uint16, shape (a, b, c)
        0 is background, n stands for ``values[n]``.
    values : ndarray of uint16, shape (labels + 1,)
        The true label behind each number; ``values[0]`` is 0.
    affine : ndarray, shape (4, 4)
        Voxel of the box → world RAS, mm.
    shape : tuple of int
        Of the whole map.
    hull : Hull
        Where in the box labels can be.
    """

    data: npt.NDArray[np.generic]
    values: npt.NDArray[np.uint16]
    affine: npt.NDArray[np.float64]
    shape: tuple[int, int, int]
    hull: Hull


def compact(volume: Volume, relabel: npt.NDArray[np.uint16] | None = None) -> CompactLabels:
    """Cut `volume` to its labelled box and renumber it, so that the counting loop stays in cache.

    Parameters
    ----------
    volume : Volume
        Labels as uint16.
    relabel : ndarray of uint16, shape (65536,), optional
        New label of each label, applied first (merging of parcels).
    """
    labels = np.asarray(volume.data, dtype=np.uint16)
    seen, low, high = _surveyed(labels)
    present = np.flatnonzero(seen)
    to_value = np.arange(65536, dtype=np.uint16) if relabel is None else relabel
    values = np.unique(np.concatenate([[np.uint16(0)], to_value[present]])).astype(np.uint16)
    kind = np.uint8 if len(values) <= 256 else np.uint16
    to_compact = np.zeros(65536, dtype=kind)
    to_compact[present] = np.searchsorted(values, to_value[present])
    affine = volume.affine.copy()
    affine[:3, 3] = volume.affine[:3, :3] @ low + volume.affine[:3, 3]
    box = _renumbered(labels, to_compact, low, high)
    return CompactLabels(
        data=box,
        values=values,
        affine=affine,
        shape=(labels.shape[0], labels.shape[1], labels.shape[2]),
        hull=enclose(box),
    )


def _surveyed(
    labels: npt.NDArray[np.uint16],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    # Walked in the order of memory: NIfTI files come with their first axis fastest.
    if labels.flags.f_contiguous and not labels.flags.c_contiguous:
        seen, low, high = _survey(labels.T)
        return seen, low[::-1], high[::-1]
    seen, low, high = _survey(np.ascontiguousarray(labels))
    return seen, low, high


@numba.njit(cache=True, nogil=True)
def _survey(labels):  # type: ignore[no-untyped-def]
    # Which labels there are, and the box that holds all but background (empty where there is nothing else).
    seen = np.zeros(65536, np.bool_)
    low, high = np.array(labels.shape), np.zeros(3, np.int64)
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            first, last = -1, -1
            for k in range(labels.shape[2]):
                label = labels[i, j, k]
                seen[label] = True
                if label:
                    last = k
                    if first < 0:
                        first = k
            if last >= 0:
                low[0], high[0] = min(low[0], i), max(high[0], i + 1)
                low[1], high[1] = min(low[1], j), max(high[1], j + 1)
                low[2], high[2] = min(low[2], first), max(high[2], last + 1)
    return seen, np.minimum(low, high), high


@numba.njit(cache=True, nogil=True)
def _renumbered(labels, to_compact, low, high):  # type: ignore[no-untyped-def]
    # Read in the order of a NIfTI file (first axis fastest), written in C order.
    cut = np.empty((high[0] - low[0], high[1] - low[1], high[2] - low[2]), to_compact.dtype)
    for k in range(cut.shape[2]):
        for j in range(cut.shape[1]):
            for i in range(cut.shape[0]):
                cut[i, j, k] = to_compact[labels[low[0] + i, low[1] + j, low[2] + k]]
    return cut


def count_slices(
    labels: CompactLabels, transform: npt.NDArray[np.float64], shape: tuple[int, int, int]
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Count every label on every slice across each array axis of a grid.

    Parameters
    ----------
    labels : CompactLabels
    transform : ndarray, shape (4, 4)
        Voxel of the grid → voxel of the labelled box.
    shape : tuple of int
        Of the grid.

    Returns
    -------
    tuple of three ndarray of uint32, shapes (shape[axis], labels + 1)
        Voxels by slice and compact label; column 0 stays zero.
    """
    size = (int(shape[0]), int(shape[1]), int(shape[2]))
    if labels.data.size == 0:
        first, second, third = (np.zeros((length, len(labels.values)), np.uint32) for length in size)
        return first, second, third
    # Lines along the box's last axis read memory in its order: a third of the time where the grid lies otherwise.
    order = _along_memory(transform)
    rows = np.column_stack([transform[:3, list(order)], transform[:3, 3]])
    walked = (size[order[0]], size[order[1]], size[order[2]])
    counts = _count(labels.data, labels.hull.low, labels.hull.high, NORMALS, rows, walked, len(labels.values))
    by_axis = dict(zip(order, counts, strict=True))
    return by_axis[0], by_axis[1], by_axis[2]


def _along_memory(transform: npt.NDArray[np.float64]) -> tuple[int, int, int]:
    """Return the grid's axes in the order in which they come nearest to the box's first, second and third axis."""
    share = np.abs(transform[:3, :3]) / np.linalg.norm(transform[:3, :3], axis=0)
    first, second, third = max(permutations(range(3)), key=lambda axes: float(share[(0, 1, 2), axes].sum()))
    return first, second, third


@numba.njit(cache=True, nogil=True, inline="always")
def _run(start, step, length, first, last):  # type: ignore[no-untyped-def]
    # The k in [first, last) for which 0 <= start + step·k < length, to within one: the caller settles both ends.
    if step == 0.0:
        return (first, last) if 0.0 <= start < length else (0, 0)
    a, b = -start / step, (length - start) / step
    if a > b:
        a, b = b, a
    low = first if a < first else (last if a > last else int(np.floor(a)) - 1)
    high = last if b > last - 2 else (first if b < first else int(np.ceil(b)) + 2)
    return max(first, low), min(last, high)


@numba.njit(cache=True, nogil=True, inline="always")
def _inside(at, start, step, shape):  # type: ignore[no-untyped-def]
    x, y, z = start[0] + step[0] * at, start[1] + step[1] * at, start[2] + step[2] * at
    inside_x, inside_y = 0 <= x < (shape[0] << _BITS), 0 <= y < (shape[1] << _BITS)
    return inside_x and inside_y and 0 <= z < (shape[2] << _BITS)


@numba.njit(cache=True, nogil=True)
def _count(data, hull_low, hull_high, normals, transform, shape, n_labels):  # type: ignore[no-untyped-def]
    across_i = np.zeros((shape[0], n_labels), np.uint32)
    across_j = np.zeros((shape[1], n_labels), np.uint32)
    across_k = np.zeros(shape[2] * n_labels, np.uint32)
    flat, box = data.reshape(-1), data.shape
    stride_x, stride_y, columns = np.uint64(box[1] * box[2]), np.uint64(box[2]), np.uint64(n_labels)
    sx, sy, sz = transform[0, 2], transform[1, 2], transform[2, 2]
    # Coordinates along a line are sums of integers, in units of 2^-40 voxel: half the time of floats made integers.
    unit = float(1 << _BITS)
    step = (np.int64(round(sx * unit)), np.int64(round(sy * unit)), np.int64(round(sz * unit)))
    lines_a_slab = np.zeros(len(normals))
    for n in range(len(normals)):
        rise = normals[n, 0] * sx + normals[n, 1] * sy + normals[n, 2] * sz
        lines_a_slab[n] = 1 / rise if abs(rise) > 1e-6 else 0.0
    for i in range(shape[0]):
        for j in range(shape[1]):
            # Half a voxel is added here, so that in the box truncation is floor(x + 0.5).
            x0 = transform[0, 0] * i + transform[0, 1] * j + transform[0, 3] + 0.5
            y0 = transform[1, 0] * i + transform[1, 1] * j + transform[1, 3] + 0.5
            z0 = transform[2, 0] * i + transform[2, 1] * j + transform[2, 3] + 0.5
            low, high = _run(x0, sx, box[0], 0, shape[2])
            low, high = _run(y0, sy, box[1], low, high)
            low, high = _run(z0, sz, box[2], low, high)
            if low >= high:
                continue
            enter, leave = float(low), float(high)
            for n in range(len(normals)):
                if lines_a_slab[n] != 0.0:
                    at = normals[n, 0] * x0 + normals[n, 1] * y0 + normals[n, 2] * z0
                    one, other = (hull_low[n] - at) * lines_a_slab[n], (hull_high[n] - at) * lines_a_slab[n]
                    enter, leave = max(enter, min(one, other)), min(leave, max(one, other))
            if enter > leave + 1:
                continue
            low, high = max(low, int(enter) - 1), min(high, int(leave) + 3)
            # A line crosses a box in one piece: with both ends inside, nothing between them needs a test.
            start = (np.int64(np.floor(x0 * unit)), np.int64(np.floor(y0 * unit)), np.int64(np.floor(z0 * unit)))
            while low < high and not _inside(low, start, step, box):
                low += 1
            while low < high and not _inside(high - 1, start, step, box):
                high -= 1
            # Along a run of one label the counts of slice i and slice j are added once, at its end.
            x, y, z = start[0] + step[0] * low, start[1] + step[1] * low, start[2] + step[2] * low
            current, run, place = np.uint64(0), 0, np.uint64(low) * columns
            for _ in range(low, high):
                index = np.uint64(x >> _BITS) * stride_x + np.uint64(y >> _BITS) * stride_y + np.uint64(z >> _BITS)
                label = np.uint64(flat[index])
                if label != current:
                    across_i[i, current] += run
                    across_j[j, current] += run
                    current, run = label, 0
                run += 1
                across_k[place + label] += 1
                x, y, z, place = x + step[0], y + step[1], z + step[2], place + columns
            across_i[i, current] += run
            across_j[j, current] += run
    across_k = across_k.reshape(shape[2], n_labels)
    across_i[:, 0] = 0
    across_j[:, 0] = 0
    across_k[:, 0] = 0
    return across_i, across_j, across_k


@dataclass(frozen=True, kw_only=True)
class PlaneRows:
    """The rows of one plane: a slice index each, and its structures, largest first.

    Attributes
    ----------
    index : ndarray of uint16, shape (rows,)
    offsets : ndarray of int32, shape (rows + 1,)
        Row r's structures are entries ``offsets[r]`` to ``offsets[r + 1]``.
    label : ndarray of uint16, shape (entries,)
    voxels : ndarray of uint32, shape (entries,)
    volume_mm3 : ndarray of float32, shape (entries,)
    """

    index: npt.NDArray[np.uint16]
    offsets: npt.NDArray[np.int32]
    label: npt.NDArray[np.uint16]
    voxels: npt.NDArray[np.uint32]
    volume_mm3: npt.NDArray[np.float32]


def plane_rows(
    counts: npt.NDArray[np.uint32], values: npt.NDArray[np.uint16], voxel_mm3: float, *, all_slices: bool
) -> PlaneRows:
    """Turn the counts of one plane into rows; slices without a label are kept only with `all_slices`."""
    index, offsets, label, voxels, volume = _rows(counts, values, voxel_mm3, all_slices)
    return PlaneRows(index=index, offsets=offsets, label=label, voxels=voxels, volume_mm3=volume)


@numba.njit(cache=True, nogil=True)
def _rows(counts, values, voxel_mm3, all_slices):  # type: ignore[no-untyped-def]
    slices, n_labels = counts.shape
    entries = np.count_nonzero(counts)
    index = np.empty(slices, np.uint16)
    offsets = np.zeros(slices + 1, np.int32)
    label, voxels = np.empty(entries, np.uint16), np.empty(entries, np.uint32)
    volume = np.empty(entries, np.float32)
    rows, filled = 0, 0
    for s in range(slices):
        start = filled
        for n in range(1, n_labels):
            count = counts[s, n]
            if count == 0:
                continue
            # Labels come in ascending order, so moving only past strictly smaller counts lets the id break ties.
            place = filled
            while place > start and voxels[place - 1] < count:
                voxels[place], label[place] = voxels[place - 1], label[place - 1]
                place -= 1
            voxels[place], label[place] = count, values[n]
            filled += 1
        if filled > start or all_slices:
            index[rows] = s
            rows += 1
            offsets[rows] = filled
    for n in range(filled):
        volume[n] = np.float32(np.float64(voxels[n]) * voxel_mm3)
    return index[:rows], offsets[: rows + 1], label, voxels, volume
