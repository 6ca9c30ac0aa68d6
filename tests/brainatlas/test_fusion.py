"""Fusers on made-up voters: agreement, ties that favour nobody, weights that follow the image, other contrasts."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from brainatlas.fusion import Candidate, Target, fuse, fuser_names
from brainatlas.geometry import voxel_map
from braincaption.errors import UsageError


def _target(brains: ModuleType, contrast: str = "T1w") -> tuple[Target, np.ndarray]:
    matrix, shape = brains.affine(), brains.grid_shape("RAS")
    image, labels = brains.brain(matrix, shape, contrast=contrast)
    return Target(data=image.astype(np.float32), mask=image > 0, affine=matrix, sequence=contrast), labels


def _voter(brains: ModuleType, *, shift: float = 0.0, scale: float = 1.0, axcodes: str = "RAS") -> Candidate:
    """A T1w brain in its own axes, wrongly registered by `shift` mm."""
    matrix, shape = brains.affine(axcodes), brains.grid_shape(axcodes)
    image, labels = brains.brain(matrix, shape, scale=scale)
    moved = np.eye(4)
    moved[:3, 3] = shift
    return Candidate(
        data=image.astype(np.float32),
        labels=labels.astype(np.uint16),
        to_voxel=voxel_map(brains.affine(), moved, matrix),
        person=f"{shift}",
    )


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    labels = [label for label in np.unique(second) if label]
    return float(
        np.mean([2 * ((first == n) & (second == n)).sum() / ((first == n).sum() + (second == n).sum()) for n in labels])
    )


def test_there_are_five_and_an_unknown_one_is_named() -> None:
    assert fuser_names() == ["jlf", "majority", "soft", "staple", "weighted"]
    with pytest.raises(UsageError, match="choose one of jlf, majority"):
        fuse("best", None, [])  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["jlf", "majority", "soft", "staple", "weighted"])
@pytest.mark.parametrize("axcodes", ["RAS", "LAS", "ASL", "PSR", "LPI"])
def test_perfect_voters_give_their_own_labels(brains: ModuleType, method: str, axcodes: str) -> None:
    target, truth = _target(brains)
    fused = fuse(method, target, [_voter(brains, axcodes=axcodes)] * 3)
    assert np.array_equal(fused.labels[target.mask], truth[target.mask])
    assert not fused.labels[~target.mask].any()
    assert fused.confidence[target.mask].min() > 0.999
    assert (fused.labels == brains.LEFT).any() and np.argwhere(fused.labels == brains.LEFT)[:, 0].mean() < 20


@pytest.mark.parametrize("method", ["weighted", "jlf"])
def test_the_image_decides_between_good_and_bad_voters(brains: ModuleType, method: str) -> None:
    target, truth = _target(brains)
    voters = [_voter(brains), *[_voter(brains, shift=7.0 + n) for n in range(3)]]
    plain = _dice(fuse("majority", target, voters).labels, truth)
    assert _dice(fuse(method, target, voters).labels, truth) > plain + 0.1


@pytest.mark.parametrize("method", ["weighted", "jlf"])
def test_similarity_survives_another_contrast(brains: ModuleType, method: str) -> None:
    target, truth = _target(brains, "T2w")
    voters = [_voter(brains, shift=1.0), *[_voter(brains, shift=6.0 + n) for n in range(3)]]
    fused = fuse(method, target, voters)
    assert _dice(fused.labels, truth) > _dice(fuse("soft", target, voters).labels, truth) + 0.05
    assert "4 candidates' grey levels to T2w" in fused.note


def test_the_search_mends_a_shift_of_one_voxel(brains: ModuleType) -> None:
    target, truth = _target(brains)
    voters = [_voter(brains, shift=sign * brains.ZOOM) for sign in (1, 1, -1)]
    assert (
        _dice(fuse("jlf", target, voters).labels, truth) > _dice(fuse("weighted", target, voters).labels, truth) + 0.1
    )


def _column(codes: list[int]) -> Candidate:
    labels = np.broadcast_to(np.array(codes, np.uint16)[:, None, None], (len(codes), 40, 40))
    return Candidate(data=np.ones(labels.shape, np.float32), labels=np.ascontiguousarray(labels), to_voxel=np.eye(4))


@pytest.mark.parametrize("method", ["majority", "soft", "weighted"])
def test_ties_favour_neither_background_nor_left(method: str) -> None:
    shape = (9, 40, 40)
    noise = np.random.default_rng(1).normal(100, 5, shape).astype(np.float32)
    target = Target(data=noise, mask=np.ones(shape, bool), affine=np.eye(4))
    fused = fuse(method, target, [_column([0] * 9), _column([17] * 9)])
    assert 0.45 < (fused.labels == 17).mean() < 0.55
    swapped = fuse(method, target, [_column([53] * 9), _column([17] * 9)])
    assert 0.45 < (swapped.labels == 17).mean() < 0.55


def test_a_tie_goes_to_what_the_neighbours_say() -> None:
    target = Target(data=np.ones((5, 40, 40), np.float32), mask=np.ones((5, 40, 40), bool), affine=np.eye(4))
    fused = fuse("majority", target, [_column([0, 0, 5, 5, 5]), _column([0, 0, 0, 5, 5])])
    # Voxel 2 is tied between 0 and 5, and its neighbours in the plane vote alike, those across once for each.
    assert np.array_equal(fused.labels[[0, 1, 3, 4], 20, 20], [0, 0, 5, 5])
    assert fused.confidence[2, 20, 20] == 0.5


@pytest.mark.parametrize("method", ["jlf", "majority", "soft", "staple", "weighted"])
def test_equal_inputs_give_equal_labels(brains: ModuleType, method: str) -> None:
    target, _ = _target(brains)
    voters = [_voter(brains, shift=0.9 * n, scale=1 + 0.02 * n) for n in range(3)]
    first, second = fuse(method, target, voters), fuse(method, target, voters)
    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.confidence, second.confidence)


def test_ants_joint_fusion_is_there_to_compare_with(brains: ModuleType) -> None:
    target, truth = _target(brains)
    voters = [_voter(brains, shift=0.5), _voter(brains, shift=-1.0), _voter(brains, shift=5.0)]
    fused = fuse("ants-jlf", target, voters)
    assert "ants-jlf" not in fuser_names()
    assert _dice(fused.labels, truth) > 0.9
    assert not fused.labels[~target.mask].any()
