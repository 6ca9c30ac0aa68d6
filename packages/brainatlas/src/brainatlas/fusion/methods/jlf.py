"""Candidates in, labels by joint label fusion with a patch search out (Wang et al. 2013, doi:10.1109/TPAMI.2012.143).

Each candidate is first moved by up to one voxel to where its patch resembles the scan's best; then the candidates are
weighted so that the expected error of their joint vote is least, which counts two candidates that err alike as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter, minimum_filter

from brainatlas.fusion.model import Candidate, Fused, Target
from brainatlas.fusion.patches import best_shifts, joint_weights, normalised_patch, shift_of
from brainatlas.fusion.similarity import local_moments, on_grid
from brainatlas.fusion.soft_votes import add_soft, encoded, take_winner
from brainatlas.sampling import sample_nearest


@dataclass(frozen=True, kw_only=True)
class JointSettings:
    """How candidates are compared.

    Attributes
    ----------
    radius : int
        Patches are cubes of 2·radius + 1 voxels.
    search : int
        Largest shift along each axis, voxels.
    alpha : float
        Ridge, as a share of the mean diagonal.
    beta : float
        Power of the joint error.
    """

    radius: int = 2
    search: int = 1
    alpha: float = 0.5
    beta: float = 2.0


DEFAULTS = JointSettings()


def fuse(target: Target, candidates: Sequence[Candidate], settings: JointSettings = DEFAULTS) -> Fused:
    """Return the label of the largest jointly weighted vote."""
    images, note = on_grid(target, candidates)
    table, maps, ways = encoded(candidates)
    size = 2 * settings.radius + 1
    scan = (target.data, *local_moments(target.data, size))
    moments = [local_moments(image, size) for image in images]
    atlas = (images, np.stack([mean for mean, _ in moments]), np.stack([inverse for _, inverse in moments]))
    edge = settings.radius + settings.search
    inner = np.zeros_like(target.mask)
    inner[edge:-edge, edge:-edge, edge:-edge] = disputed(target, candidates)[edge:-edge, edge:-edge, edge:-edge]
    unmoved = (2 * settings.search + 1) ** 3 // 2  # the step without shift
    shifts = np.full(images.shape, unmoved, dtype=np.int16)
    for number in range(len(images)):
        there = (atlas[0][number], atlas[1][number], atlas[2][number])
        best_shifts(scan, there, inner, settings.radius, settings.search, shifts[number])
    winner = np.zeros(target.mask.shape, dtype=np.uint16)
    share = np.zeros(target.mask.shape, dtype=np.float32)
    numbers = (int(table.size), settings.radius, settings.search, settings.alpha, settings.beta)
    _vote(scan, atlas, shifts, maps, ways, target.mask, inner, numbers, winner, share)
    return Fused(labels=table[winner], confidence=share, note=note)


def disputed(target: Target, candidates: Sequence[Candidate]) -> npt.NDArray[np.bool_]:
    """Return where the candidates' nearest labels, or those one voxel further, are not all one label."""
    shape = (target.data.shape[0], target.data.shape[1], target.data.shape[2])
    low = high = sample_nearest(candidates[0].labels, candidates[0].to_voxel, shape, candidates[0].offset)
    for candidate in candidates[1:]:
        labels = sample_nearest(candidate.labels, candidate.to_voxel, shape, candidate.offset)
        low, high = np.minimum(low, labels), np.maximum(high, labels)
    differ = minimum_filter(low, 3) != maximum_filter(high, 3)
    return np.asarray(differ & target.mask)


@numba.njit(cache=True, nogil=True)
def _count(maps, ways, steps, search, i, j, k, weights, votes, touched):  # type: ignore[no-untyped-def]
    """Sum the shifted candidates' weighted soft votes for one voxel; returns how many labels got any."""
    for t in range(touched.size):
        votes[touched[t]] = 0.0
    found = 0
    for c in range(len(maps)):
        di, dj, dk = shift_of(steps[c], search)
        found = add_soft(maps[c], ways[c], i + di, j + dj, k + dk, weights[c], votes, touched, found)
    return found


@numba.njit(cache=True, nogil=True)
def _differences(images, means, inverses, steps, search, i, j, k, radius, patch, difference):  # type: ignore[no-untyped-def]
    """Fill `difference` with |scan − candidate| over the patch, each candidate at its shift."""
    for c in range(len(images)):
        di, dj, dk = shift_of(steps[c], search)
        mine = difference[c]
        normalised_patch(images[c], means[c], inverses[c], i + di, j + dj, k + dk, radius, mine)
        for p in range(patch.size):
            mine[p] = abs(mine[p] - patch[p])


@numba.njit(cache=True, nogil=True)
def _vote(scan, atlas, shifts, maps, ways, mask, inner, numbers, winner, share):  # type: ignore[no-untyped-def]
    """Fill `winner` and `share`; `scan` and `atlas` are (image, mean, inverse deviation), `numbers` the settings."""
    n_codes, radius, search, alpha, beta = numbers
    n, size = len(maps), (2 * radius + 1) ** 3
    patch, difference = np.zeros(size, dtype=np.float32), np.zeros((n, size), dtype=np.float32)
    matrix, weights, equal = np.zeros((n, n)), np.zeros(n), np.full(n, 1.0 / n)
    votes, touched = np.zeros(n_codes), np.zeros(8 * n + 1, dtype=np.int64)
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            for k in range(mask.shape[2]):
                if not mask[i, j, k]:
                    continue
                steps = shifts[:, i, j, k]
                found = _count(maps, ways, steps, search, i, j, k, equal, votes, touched)
                if found > 1 and inner[i, j, k]:  # disputed: weigh the candidates and count again
                    normalised_patch(scan[0], scan[1], scan[2], i, j, k, radius, patch)
                    _differences(atlas[0], atlas[1], atlas[2], steps, search, i, j, k, radius, patch, difference)
                    joint_weights(difference, alpha, beta, matrix, weights)
                    found = _count(maps, ways, steps, search, i, j, k, weights, votes, touched)
                code, part = take_winner(votes, touched, found, i, j, k)
                winner[i, j, k] = code
                share[i, j, k] = part
