"""Overlap scores of shapes whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainatlas.validation.overlap import agreement, merge_parcels, renumber


def cube(start: int, stop: int, label: int = 5) -> np.ndarray:
    labels = np.zeros((30, 30, 30), dtype=np.uint16)
    labels[start:stop, 10:20, 10:20] = label
    return labels


def test_dice_and_volume_of_shifted_cubes() -> None:
    affine = np.diag([2.0, 1.0, 1.0, 1.0])
    (row,) = agreement(cube(8, 18), cube(10, 20), affine)
    assert row.label == 5
    assert row.dice == pytest.approx(0.8)
    assert row.volume_mm3 == row.true_volume_mm3 == 2000
    assert row.volume_error == 0
    assert row.mean_distance_mm is None


def test_distances_are_in_millimetres_and_reach_the_shift() -> None:
    affine = np.diag([-2.0, 1.0, 1.0, 1.0])
    (row,) = agreement(cube(8, 18), cube(10, 20), affine, distances=True)
    assert row.hausdorff95_mm == pytest.approx(4.0)  # two voxels of 2 mm
    assert row.mean_distance_mm is not None and 0 < row.mean_distance_mm < 4
    (same,) = agreement(cube(8, 18), cube(8, 18), affine, distances=True)
    assert (same.dice, same.mean_distance_mm, same.hausdorff95_mm) == (1.0, 0.0, 0.0)


def test_a_missing_structure_scores_nothing_and_has_no_distance() -> None:
    (row,) = agreement(np.zeros((30, 30, 30), np.uint16), cube(8, 18), np.eye(4), distances=True)
    assert (row.dice, row.volume_error, row.mean_distance_mm) == (0.0, -1.0, None)
    (spare,) = agreement(cube(8, 18), np.zeros((30, 30, 30), np.uint16), np.eye(4))
    assert spare.dice == 0.0 and spare.volume_error is None


@given(st.integers(0, 2**32 - 1))
def test_dice_is_symmetric_and_between_0_and_1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (rng.integers(0, 4, (5, 6, 7)).astype(np.uint16) for _ in range(2))
    there, back = agreement(first, second, np.eye(4)), agreement(second, first, np.eye(4))
    assert [row.dice for row in there] == [row.dice for row in back]
    assert all(0 <= row.dice <= 1 for row in there)


def test_parcels_merge_by_side_and_numbers_change() -> None:
    labels = np.array([999, 1000, 1035, 1999, 2000, 2999, 3000, 17], dtype=np.uint16)
    assert merge_parcels(labels).tolist() == [999, 3, 3, 3, 42, 42, 3000, 17]
    assert renumber(np.array([6, 45, 8], dtype=np.uint16), {6: 8, 45: 47}).tolist() == [8, 47, 8]
