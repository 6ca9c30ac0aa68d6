"""Counting: left stays left on any grid, every plane sums to the map, and the counts equal NumPy's after resampling."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braincaption.counting import compact, count_slices, plane_rows
from braincaption.nifti import Volume


def volume(data, affine=None):
    return Volume(data=data.astype(np.uint16), affine=np.eye(4) if affine is None else affine, path=None)


def naive(data, transform, shape):
    """Resample with NumPy by the documented rule and count with np.unique, slice by slice."""
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")).reshape(3, -1)
    at = np.floor(transform[:3, :3] @ grid + transform[:3, 3:] + 0.5).astype(int)
    inside = ((at >= 0) & (at < np.array(data.shape)[:, None])).all(axis=0)
    seen = np.zeros(grid.shape[1], np.uint16)
    seen[inside] = data[tuple(at[:, inside])]
    return seen.reshape(shape)


@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    turned=st.booleans(),
    fortran=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_counts_equal_a_plain_numpy_count_on_every_plane(seed, shape, turned, fortran):
    rng = np.random.default_rng(seed)
    data = rng.choice(np.array([0, 0, 0, 3, 42, 1035, 60000], np.uint16), rng.integers(1, 9, 3))
    data = np.asfortranarray(data) if fortran else data
    labels = compact(volume(data))
    transform = np.eye(4)
    if turned:
        transform[:3] = rng.normal(0, 1, (3, 4))
    shift = np.linalg.inv(labels.affine)
    counts = count_slices(labels, shift @ transform, shape)
    seen = naive(data, transform, shape)
    for axis in range(3):
        for number, label in enumerate(labels.values):
            if label:
                others = tuple(other for other in range(3) if other != axis)
                np.testing.assert_array_equal(counts[axis][:, number], (seen == label).sum(axis=others))
        assert counts[axis].sum() == np.count_nonzero(seen)


def test_rows_are_largest_first_with_the_id_breaking_ties():
    counts = np.array([[0, 0, 0, 0], [0, 5, 7, 5], [0, 0, 1, 0]], np.uint32)
    values = np.array([0, 4, 9, 43], np.uint16)
    rows = plane_rows(counts, values, 0.3, all_slices=False)
    assert rows.index.tolist() == [1, 2]
    assert rows.offsets.tolist() == [0, 3, 4]
    assert rows.label.tolist() == [9, 4, 43, 9]
    assert rows.voxels.tolist() == [7, 5, 5, 1]
    assert rows.volume_mm3.tolist() == [np.float32(n * 0.3) for n in (7, 5, 5, 1)]
    kept = plane_rows(counts, values, 0.3, all_slices=True)
    assert kept.index.tolist() == [0, 1, 2] and kept.offsets.tolist() == [0, 0, 3, 4]


def test_merging_relabels_before_counting():
    relabel = np.arange(65536, dtype=np.uint16)
    relabel[[1001, 1002]] = 3
    data = np.zeros((4, 4, 4), np.uint16)
    data[1, 1, 1], data[2, 2, 2], data[3, 3, 3] = 1001, 1002, 42
    labels = compact(volume(data), relabel)
    assert labels.values.tolist() == [0, 3, 42]
    counts = count_slices(labels, np.linalg.inv(labels.affine), (4, 4, 4))
    assert counts[0][:, 1].tolist() == [0, 1, 1, 0]


def test_a_map_without_labels_counts_nothing():
    labels = compact(volume(np.zeros((3, 3, 3), np.uint16)))
    assert [count.sum() for count in count_slices(labels, np.eye(4), (3, 3, 3))] == [0, 0, 0]


@pytest.mark.parametrize("codes", ["RAS", "LAS", "ASL", "PSR", "LPI"])
def test_a_grid_of_any_axes_sees_the_same_left_structure(codes):
    # Label 4 fills a box at negative x (left) of the world; every grid must count all of it, on its own sagittal axis.
    shape, affine = (24, 26, 28), np.eye(4)
    affine[:3, 3] = [-12, -13, -14]
    data = np.zeros(shape, np.uint16)
    data[2:7, 4:9, 10:22] = 4
    target = nib.orientations.axcodes2ornt(tuple(codes))
    turn = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt(tuple("RAS")), target)
    there = affine @ nib.orientations.inv_ornt_aff(turn, shape)
    reordered = tuple(int(shape[list(turn[:, 0].astype(int)).index(axis)]) for axis in range(3))
    labels = compact(volume(data, affine))
    counts = count_slices(labels, np.linalg.inv(labels.affine) @ there, reordered)
    sagittal = next(axis for axis, code in enumerate(codes) if code in "LR")
    seen = np.flatnonzero(counts[sagittal][:, 1])
    world = there[0, sagittal] * seen + there[0, 3]
    assert counts[sagittal].sum() == 5 * 5 * 12
    assert world.min() == -10 and world.max() == -6
