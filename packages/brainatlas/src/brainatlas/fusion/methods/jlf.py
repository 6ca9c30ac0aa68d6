"""Candidates in, labels by joint label fusion with a patch search out (Wang et al. 2013, doi:10.1109/TPAMI.2012.143).

Each candidate is first moved by up to one voxel to where its patch resembles the scan's best; then the candidates are
weighted so that the expected error of their joint vote is least, which counts two candidates that err alike as one.
What is found at a voxel votes for the whole patch around it (Wang and Yushkevich 2013, doi:10.3389/fninf.2013.00027).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter, minimum_filter

from brainatlas.fusion.model import Candidate, Fused, Target
from brainatlas.fusion.patch_votes import PAIR, add_pairs, vote_patches
from brainatlas.fusion.patches import best_shifts, offsets, weigh
from brainatlas.fusion.similarity import local_moments, on_grid
from brainatlas.fusion.soft_votes import encoded
from brainatlas.sampling import sample_nearest


@dataclass(frozen=True, kw_only=True)
class JointSettings:
    """How candidates are compared, and how far what is found at a voxel reaches.

    `spread`, `alpha`, `beta` and `negative` were chosen on four people of OASIS-TRT and on phantom heads in three
    contrasts: benchmarks/atlas/README.md.

    Attributes
    ----------
    radius : int
        Patches are compared as cubes of 2·radius + 1 voxels.
    search : int
        Largest shift along each axis, voxels.
    spread : int
        A voxel's shifts and weights vote for the cube of 2·spread + 1 voxels around it; 0: for itself alone. Wang and
        Yushkevich 2013, doi:10.3389/fninf.2013.00027, let them vote for the patch that was compared: spread = radius.
    alpha : float
        Ridge, as a share of the mean diagonal.
    beta : float
        Power of the joint error.
    negative : bool
        Whether weights below zero are kept (as in ANTs' joint fusion), or become zero.
    """

    radius: int = 2
    search: int = 1
    spread: int = 2
    alpha: float = 0.1
    beta: float = 1.0
    negative: bool = True


DEFAULTS = JointSettings()


def fuse(target: Target, candidates: Sequence[Candidate], settings: JointSettings = DEFAULTS) -> Fused:
    """Return the label of the largest jointly weighted vote."""
    images, note = on_grid(target, candidates)
    edge = settings.radius + settings.search
    inner = np.zeros_like(target.mask)
    inner[edge:-edge, edge:-edge, edge:-edge] = disputed(target, candidates)[edge:-edge, edge:-edge, edge:-edge]
    found = _weights(target, images, inner, settings)
    del images  # the largest part of memory
    table, maps, ways = encoded(candidates)
    pairs = _pairs(target, maps, ways, settings.search)
    winner = np.zeros(target.mask.shape, dtype=np.uint16)
    share = np.zeros(target.mask.shape, dtype=np.float32)
    vote_patches(
        found, pairs, (maps, ways), target.mask, settings.spread, settings.search, int(table.size), winner, share
    )
    return Fused(labels=table[winner], confidence=share, note=note)


def _weights(
    target: Target, images: npt.NDArray[np.float32], inner: npt.NDArray[np.bool_], settings: JointSettings
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int16], npt.NDArray[np.float32]]:
    """Return the row of every voxel of `inner` (-1 elsewhere), and for every row the candidates' steps and weights."""
    size = 2 * settings.radius + 1
    scan = (target.data, *local_moments(target.data, size))
    means, inverses = np.empty_like(images), np.empty_like(images)
    rows = int(inner.sum())
    row_of = np.full(inner.shape, -1, dtype=np.int32)
    row_of[inner] = np.arange(rows, dtype=np.int32)
    steps = np.zeros((rows, len(images)), dtype=np.int16)
    weights = np.zeros((rows, len(images)), dtype=np.float32)
    best = np.zeros(inner.shape, dtype=np.int16)
    for number, image in enumerate(images):
        means[number], inverses[number] = local_moments(image, size)
        there = (image, means[number], inverses[number])
        best_shifts(scan, there, inner, settings.radius, settings.search, best)
        steps[:, number] = best[inner]
    weigh(
        tuple(volume.ravel() for volume in scan),
        tuple(volumes.reshape(len(images), -1) for volumes in (images, means, inverses)),
        row_of.ravel(),
        steps,
        offsets(inner.shape, settings.radius),
        offsets(inner.shape, settings.search),
        (settings.alpha, settings.beta, settings.negative),
        weights,
    )
    return row_of, steps, weights


def _pairs(target: Target, maps: Any, ways: Any, search: int) -> Any:
    """Return what every candidate votes for, wherever a shift of at most `search` may look."""
    shape = (len(maps), *target.mask.shape)
    pairs = np.zeros(shape, dtype=PAIR)
    wanted = maximum_filter(target.mask, 2 * search + 1)
    for number, (labels, way) in enumerate(zip(maps, ways, strict=True)):
        add_pairs(labels, way, wanted, pairs[number])
    return pairs


def disputed(target: Target, candidates: Sequence[Candidate]) -> npt.NDArray[np.bool_]:
    """Return where the candidates' nearest labels, or those one voxel further, are not all one label."""
    shape = (target.data.shape[0], target.data.shape[1], target.data.shape[2])
    low = high = sample_nearest(candidates[0].labels, candidates[0].to_voxel, shape, candidates[0].offset)
    for candidate in candidates[1:]:
        labels = sample_nearest(candidate.labels, candidate.to_voxel, shape, candidate.offset)
        low, high = np.minimum(low, labels), np.maximum(high, labels)
    differ = minimum_filter(low, 3) != maximum_filter(high, 3)
    return np.asarray(differ & target.mask)
