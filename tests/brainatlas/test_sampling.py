"""One resampling with the composed matrix is ANTs' own resampling with the same transform, oblique grids included."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from brainatlas.engine import load_ants, scratch, to_ants
from brainatlas.geometry import voxel_map, write_itk
from brainatlas.sampling import sample_linear, sample_nearest

MOVE = np.array([[1.03, 0.05, -0.02, 3.3], [-0.04, 0.97, 0.06, -2.1], [0.02, -0.05, 1.01, 5.7], [0, 0, 0, 1.0]])


def _by_ants(moving: np.ndarray, space: np.ndarray, shape: tuple[int, ...], image: np.ndarray, how: str) -> np.ndarray:
    ants = load_ants()
    with scratch() as folder:
        write_itk(folder / "x.mat", MOVE)
        fixed = to_ants(np.zeros(shape, np.float32), space)
        warped = ants.apply_transforms(
            fixed=fixed, moving=to_ants(moving, image), transformlist=[str(folder / "x.mat")], interpolator=how
        )
        return np.asarray(warped.numpy())


@pytest.mark.parametrize("axcodes", ["RAS", "LAS", "ASL", "PSR", "LPI"])
@pytest.mark.parametrize("turn_deg", [0.0, 16.0])
def test_images_and_labels_match_ants(brains: ModuleType, axcodes: str, turn_deg: float) -> None:
    source, shape = brains.affine("RAS"), brains.grid_shape("RAS")
    image, labels = brains.brain(source, shape)
    space, target_shape = brains.affine(axcodes, turn_deg=turn_deg, zoom=3.7), brains.grid_shape(axcodes)
    to_voxel = voxel_map(space, MOVE, source)
    ours = sample_linear(image, to_voxel, (target_shape[0], target_shape[1], target_shape[2]))
    theirs = _by_ants(image, space, target_shape, source, "linear")
    assert np.abs(ours - theirs).max() < 0.05  # of 255 grey levels: float32 rounding of the transform
    ours_labels = sample_nearest(labels, to_voxel, (target_shape[0], target_shape[1], target_shape[2]))
    theirs_labels = _by_ants(labels, space, target_shape, source, "nearestNeighbor")
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in target_shape], indexing="ij"), axis=-1)
    points = grid @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    tie = np.any(np.abs(points - np.floor(points) - 0.5) < 1e-3, axis=-1)
    assert np.array_equal(ours_labels[~tie], theirs_labels[~tie])
    assert tie.mean() < 0.02


def test_outside_is_zero_and_identity_is_the_image() -> None:
    data = np.arange(1, 61, dtype=np.float32).reshape(3, 4, 5)
    assert np.array_equal(sample_linear(data, np.eye(4), (3, 4, 5)), data)
    moved = np.eye(4)
    moved[0, 3] = 2.0
    assert np.array_equal(sample_nearest(data, moved, (3, 4, 5))[1:], np.zeros((2, 4, 5)))
    assert np.array_equal(sample_nearest(data, moved, (3, 4, 5))[0], data[2])
