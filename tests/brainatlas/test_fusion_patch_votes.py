"""Joint weights that vote for whole patches: known answers, a plain re-count, and what one voxel alone would say."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainatlas.fusion import Candidate, Target
from brainatlas.fusion.methods.jlf import JointSettings, disputed, fuse
from brainatlas.fusion.patch_votes import PAIR, add_pairs, vote_patches
from brainatlas.fusion.patches import joint_weights
from brainatlas.fusion.similarity import on_grid
from brainatlas.fusion.soft_votes import encoded
from brainatlas.geometry import voxel_map

SHAPE = (9, 9, 9)
UNMOVED = 13
CENTRE = (4, 4, 4)
NOISE = 30.0


def _candidates(*maps: np.ndarray, to_voxel: np.ndarray | None = None) -> list[Candidate]:
    way = np.eye(4) if to_voxel is None else to_voxel
    return [Candidate(data=np.ones(one.shape, np.float32), labels=one.astype(np.uint16), to_voxel=way) for one in maps]


def _vote(
    candidates: list[Candidate], steps: np.ndarray, weights: np.ndarray, spread: int, reach: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and shares; `steps` and `weights` have shape (i, j, k, candidates)."""
    inside = np.zeros(SHAPE, bool)
    inside[1:-1, 1:-1, 1:-1] = True
    inside &= True if reach is None else reach
    row_of = np.full(SHAPE, -1, np.int32)
    row_of[inside] = np.arange(inside.sum(), dtype=np.int32)
    table, maps, ways = encoded(candidates)
    pairs = np.zeros((len(candidates), *SHAPE), PAIR)
    for one, labels, way in zip(pairs, maps, ways, strict=True):
        add_pairs(labels, way, np.ones(SHAPE, bool), one)
    winner, share = np.zeros(SHAPE, np.uint16), np.zeros(SHAPE, np.float32)
    found = (row_of, steps[inside].astype(np.int16), weights[inside].astype(np.float32))
    vote_patches(found, pairs, (maps, ways), inside, spread, 1, int(table.size), winner, share)
    return table[winner], share


def test_neighbours_mend_one_voxel_that_trusts_the_wrong_candidate() -> None:
    candidates = _candidates(np.full(SHAPE, 5), np.full(SHAPE, 7))
    weights = np.broadcast_to(np.array([0.9, 0.1]), (*SHAPE, 2)).copy()
    weights[CENTRE] = (0.1, 0.9)  # noise
    steps = np.full((*SHAPE, 2), UNMOVED)
    alone, share_alone = _vote(candidates, steps, weights, 0)
    assert alone[CENTRE] == 7 and share_alone[CENTRE] == pytest.approx(0.9)
    together, share = _vote(candidates, steps, weights, 1)
    assert together[CENTRE] == 5 and share[CENTRE] == pytest.approx((26 * 0.9 + 0.1) / 27)
    assert _vote(candidates, steps, weights, 2)[1][CENTRE] == pytest.approx((124 * 0.9 + 0.1) / 125)


def test_neighbours_mend_one_voxel_that_was_moved_over_a_border() -> None:
    labels = np.full(SHAPE, 5)
    labels[5:] = 7
    steps = np.full((*SHAPE, 1), UNMOVED)
    steps[CENTRE] = UNMOVED + 9  # one voxel along the first axis: into 7
    weights = np.ones((*SHAPE, 1))
    assert _vote(_candidates(labels), steps, weights, 0)[0][CENTRE] == 7
    together, share = _vote(_candidates(labels), steps, weights, 1)
    assert together[CENTRE] == 5 and share[CENTRE] == pytest.approx(26 / 27)


def test_a_neighbour_votes_for_the_label_its_own_shift_leads_to() -> None:
    labels = np.arange(9)[:, None, None] * np.ones(SHAPE)  # label = first coordinate
    steps = np.full((*SHAPE, 1), UNMOVED)
    steps[3, 4, 4] = UNMOVED - 9
    weights = np.zeros((*SHAPE, 1))
    weights[3, 4, 4] = 1.0
    found, _ = _vote(_candidates(labels), steps, weights, 1)
    assert [found[i, 4, 4] for i in (2, 3, 4)] == [1, 2, 3]  # everywhere what lies one voxel before


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), spread=st.integers(0, 3), negative=st.booleans())
def test_adding_up_by_shift_first_changes_nothing(seed: int, spread: int, negative: bool) -> None:
    chance = np.random.default_rng(seed)
    way = np.eye(4)
    way[:3] += chance.normal(0, 0.05, (3, 4))
    candidates = _candidates(*chance.integers(0, 5, (3, *SHAPE)), to_voxel=way)
    steps, weights = chance.integers(0, 27, (*SHAPE, 3)), chance.normal(0.5, 0.5, (*SHAPE, 3))
    weights = weights if negative else np.abs(weights)
    reach = chance.random(SHAPE) < 0.8
    found, share = _vote(candidates, steps, weights, spread, reach)
    for voxel in np.argwhere(reach[1:-1, 1:-1, 1:-1])[::40] + 1:
        votes = np.zeros(5)
        for near in np.argwhere(reach[1:-1, 1:-1, 1:-1]) + 1:
            if np.abs(near - voxel).max() <= spread:
                for c, candidate in enumerate(candidates):
                    shift = np.array(np.unravel_index(steps[tuple(near)][c], (3, 3, 3))) - 1
                    votes += weights[tuple(near)][c] * _soft(candidate, voxel + shift)
        assert votes[found[tuple(voxel)]] == pytest.approx(votes.max(), abs=1e-4)
        if votes.max() > 0.01:
            assert share[tuple(voxel)] == pytest.approx(votes.max() / votes[votes > 0].sum(), rel=1e-3)


def _soft(candidate: Candidate, voxel: np.ndarray) -> np.ndarray:
    """One voxel's votes for labels 0 to 4, by trilinear weights."""
    at = candidate.to_voxel[:3, :3] @ voxel + candidate.to_voxel[:3, 3]
    low = np.floor(at).astype(int)
    votes = np.zeros(5)
    for corner in np.ndindex(2, 2, 2):
        place = low + corner
        inside = np.all(place >= 0) and np.all(place < candidate.labels.shape)
        part = np.prod(np.where(corner, at - low, 1 - (at - low)))
        votes[candidate.labels[tuple(place)] if inside else 0] += part
    return votes


def _noisy(brains: ModuleType) -> tuple[Target, list[Candidate], np.ndarray]:
    """A brain and four shifted voters, each with noise of its own."""
    matrix, shape = brains.affine(), brains.grid_shape("RAS")
    chance = np.random.default_rng(5)
    image, labels = brains.brain(matrix, shape)
    target = Target(data=(image + chance.normal(0, NOISE, shape)).astype(np.float32), mask=image > 0, affine=matrix)
    voters = []
    for shift in (-5.0, -2.0, 3.0, 6.0):
        moved = np.eye(4)
        moved[:3, 3] = shift
        voter = Candidate(
            data=(image + chance.normal(0, NOISE, shape) * (image > 0)).astype(np.float32),
            labels=labels.astype(np.uint16),
            to_voxel=voxel_map(matrix, moved, matrix),
        )
        voters.append(voter)
    return target, voters, labels


def test_in_noise_whole_patches_vote_better_than_single_voxels(brains: ModuleType) -> None:
    target, voters, truth = _noisy(brains)
    inside = target.mask
    wrong = [np.sum((fuse(target, voters, JointSettings(spread=n)).labels != truth)[inside]) for n in (0, 2)]
    assert wrong[0] > 150 and wrong[1] < 0.8 * wrong[0]


@pytest.mark.parametrize("negative", [True, False])
def test_without_spread_every_voxel_speaks_for_itself(brains: ModuleType, negative: bool) -> None:
    """What fusion was before patches voted, worked out anew in plain numpy for some disputed voxels."""
    target, voters, _ = _noisy(brains)
    chosen = JointSettings(spread=0, alpha=0.5, beta=2.0, negative=negative)
    fused = fuse(target, voters, chosen)
    images, _ = on_grid(target, voters)
    where = np.argwhere(disputed(target, voters))
    where = where[np.all((where > 3) & (where < np.array(target.data.shape) - 4), axis=1)][::150]
    same = [_alone(target, images, voters, voxel, chosen) == fused.labels[tuple(voxel)] for voxel in where]
    assert len(same) > 100 and np.mean(same) > 0.98  # rounding may turn a draw


def _patch(image: np.ndarray, voxel: np.ndarray) -> np.ndarray:
    cube = image[tuple(slice(n - 2, n + 3) for n in voxel)].astype(np.float64).ravel()
    return (cube - cube.mean()) / cube.std() if cube.std() > 1e-6 else cube * 0


def _alone(
    target: Target, images: np.ndarray, voters: list[Candidate], voxel: np.ndarray, chosen: JointSettings
) -> int:
    mine = _patch(target.data, voxel)
    shifts = [np.zeros(3, int), *(np.array(one) - 1 for one in np.ndindex(3, 3, 3))]
    best = [max(shifts, key=lambda one, image=image: round(mine @ _patch(image, voxel + one), 6)) for image in images]
    away = np.array([np.abs(_patch(image, voxel + one) - mine) for image, one in zip(images, best, strict=True)])
    matrix = (away @ away.T / mine.size) ** chosen.beta
    matrix += np.eye(len(matrix)) * chosen.alpha * np.trace(matrix) / len(matrix)
    weights = np.linalg.solve(matrix, np.ones(len(matrix)))
    weights = weights if chosen.negative else np.maximum(weights, 0)
    votes: dict[int, float] = {}
    for voter, one, weight in zip(voters, best, weights, strict=True):
        at = voter.to_voxel[:3, :3] @ (voxel + one) + voter.to_voxel[:3, 3]
        low = np.floor(at).astype(int)
        for corner in np.ndindex(2, 2, 2):
            label = int(voter.labels[tuple(low + corner)])
            part = float(np.prod(np.where(corner, at - low, 1 - (at - low))))
            votes[label] = votes.get(label, 0.0) + weight * part
    return max(votes, key=lambda label: votes[label])


@pytest.mark.parametrize("beta", [1.0, 2.0, 3.0])
def test_joint_weights_solve_the_equation(beta: float) -> None:
    away = np.abs(np.random.default_rng(2).normal(size=(6, 125))).astype(np.float32)
    away[5] = away[4] * 1.5  # errs as its neighbour does, and more
    weights = np.zeros(6)
    joint_weights(away, (0.1, beta, True), np.zeros((6, 6)), weights)
    matrix = (away.astype(np.float64) @ away.T / 125) ** beta
    solved = np.linalg.solve(matrix + np.eye(6) * 0.1 * np.trace(matrix) / 6, np.ones(6))
    assert np.allclose(weights, solved / solved.sum(), rtol=1e-3, atol=1e-4)
    assert weights[5] < 0
    joint_weights(away, (0.1, beta, False), np.zeros((6, 6)), weights)
    assert weights[5] == 0 and weights.sum() == pytest.approx(1.0)
