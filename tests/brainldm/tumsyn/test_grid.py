"""Grids: one field of view whatever the voxel size, corner on corner; averages keep what they average."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainldm.tumsyn.grid import Grid, averaged, averaging, centres


def oblique(seed: int, zooms: tuple[float, ...]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return nib.affines.from_matvec(turn * zooms, rng.normal(0, 50, 3))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.tuples(*[st.floats(0.7, 3.0)] * 3), st.tuples(*[st.floats(0.5, 4.0)] * 3))
def test_the_first_corner_stays_and_the_voxel_size_is_exact(
    seed: int, zooms: tuple[float, ...], wanted: tuple[float, ...]
) -> None:
    source = Grid(shape=(20, 25, 30), affine=oblique(seed, zooms))
    target = source.at(wanted)
    corner = [-0.5, -0.5, -0.5, 1]
    assert np.allclose(source.affine @ corner, target.affine @ corner, atol=1e-6)
    assert np.allclose(target.zooms, wanted)
    far = [*(n - 0.5 for n in source.shape), 1], [*(n - 0.5 for n in target.shape), 1]
    gap = np.linalg.inv(target.affine) @ (source.affine @ far[0] - target.affine @ far[1])
    assert np.abs(gap[:3]).max() <= 0.5 + 1e-6


def test_centres_are_where_the_affines_say() -> None:
    source = Grid(shape=(4, 5, 6), affine=oblique(3, (2.0, 1.0, 3.0)))
    target = source.at((1.5, 1.5, 1.5))
    index = (1, 2, 3)
    inside = [axis[i] - 0.5 for axis, i in zip(centres(source, target), index, strict=True)]
    assert np.allclose(source.affine @ [*inside, 1], target.affine @ [*index, 1])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40))
def test_averages_share_out_every_voxel(length: int, count: int) -> None:
    matrix = averaging(length, count)
    assert matrix.sum(axis=1) == pytest.approx(np.ones(count), abs=1e-5)
    assert matrix.sum(axis=0) == pytest.approx(np.full(length, count / length), abs=1e-5)


def test_a_volume_is_averaged_axis_by_axis() -> None:
    data = np.arange(4 * 6 * 3, dtype=np.float32).reshape(4, 6, 3)
    found = averaged(data, (2, 2, 3))
    assert np.allclose(found, data.reshape(2, 2, 2, 3, 3).mean(axis=(1, 3)))
    assert averaged(data, data.shape) is not data
    assert np.array_equal(averaged(data, data.shape), data)
