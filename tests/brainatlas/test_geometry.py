"""Transforms keep their meaning through files, frames, composition and cropping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainatlas.geometry import (
    as_row,
    bounding_box,
    compose,
    crop_affine,
    flip_frames,
    from_row,
    read_itk,
    voxel_map,
    write_itk,
)
from braincaption.errors import ScanError

NUMBERS = st.floats(-0.3, 0.3, allow_nan=False)


def _matrix(values: list[float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] += np.array(values[:9]).reshape(3, 3)
    matrix[:3, 3] = np.array(values[9:12]) * 100
    return matrix


MATRICES = st.lists(NUMBERS, min_size=12, max_size=12).map(_matrix).filter(lambda m: abs(np.linalg.det(m)) > 0.05)


@given(MATRICES)
def test_frames_flip_back_and_forth(matrix: np.ndarray) -> None:
    assert np.allclose(flip_frames(flip_frames(matrix)), matrix)


@given(MATRICES, MATRICES)
def test_composition_goes_through_the_common_world(space: np.ndarray, image: np.ndarray) -> None:
    point = np.array([10.0, -20.0, 30.0, 1.0])
    assert np.allclose(compose(space, image) @ (space @ point), image @ point, atol=1e-6)


@given(MATRICES)
def test_rows_survive(matrix: np.ndarray) -> None:
    assert np.array_equal(from_row(as_row(matrix)), matrix + 0.0)


def test_a_written_transform_is_what_ants_reads(tmp_path: Path) -> None:
    from brainatlas.engine import load_ants

    matrix = _matrix([0.1, -0.2, 0.05, 0.03, -0.1, 0.2, -0.15, 0.02, 0.08, 0.1, -0.05, 0.2])
    write_itk(tmp_path / "x.mat", matrix)
    transform = load_ants().read_transform(str(tmp_path / "x.mat"))
    moved = transform.apply_to_point((-3.0, 7.0, 11.0))  # LPS
    assert np.allclose(np.array(moved) * (-1, -1, 1), (matrix @ [3.0, -7.0, 11.0, 1.0])[:3], atol=1e-4)
    assert np.allclose(read_itk(tmp_path / "x.mat"), matrix)


def test_equal_transforms_have_equal_bytes(tmp_path: Path) -> None:
    matrix = _matrix([0.1] * 12)
    write_itk(tmp_path / "a.mat", matrix)
    write_itk(tmp_path / "b.mat", matrix)
    assert (tmp_path / "a.mat").read_bytes() == (tmp_path / "b.mat").read_bytes()


@pytest.mark.parametrize("content", [b"", b"not a transform", b"\0" * 100])
def test_a_damaged_transform_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(ScanError, match=r"run register again"):
        read_itk(tmp_path / "x.mat")


def test_cropping_keeps_every_voxel_where_it_is() -> None:
    mask = np.zeros((9, 10, 11), bool)
    mask[3:5, 4:8, 2:9] = True
    box = bounding_box(mask, margin=1)
    assert box == (slice(2, 6), slice(3, 9), slice(1, 10))
    affine = _matrix([0.2] * 12)
    assert np.allclose(crop_affine(affine, box) @ [0, 0, 0, 1], affine @ [2, 3, 1, 1])
    assert np.allclose(voxel_map(affine, np.eye(4), crop_affine(affine, box)) @ [2, 3, 1, 1], [0, 0, 0, 1])


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(ScanError, match="the mask is empty"):
        bounding_box(np.zeros((3, 3, 3), bool))
