"""Candidates in, the label with the largest sum of soft votes, each weighted by its local correlation, out.

A candidate counts by the fourth power of its correlation with the scan over 7³ voxels (Artaechevarria et al. 2009,
doi:10.1109/TMI.2009.2014372, use local correlation likewise).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainatlas.fusion.model import Candidate, Fused, Target
from brainatlas.fusion.similarity import local_correlation, on_grid
from brainatlas.fusion.soft_votes import fuse_weighted

PATCH = 7  # voxels a side
POWER = 4
_LEAST = 1e-4  # so that a voxel where nobody resembles the scan still gets the plain soft vote


def fuse(target: Target, candidates: Sequence[Candidate]) -> Fused:
    """Return the label of the largest weighted soft vote."""
    images, note = on_grid(target, candidates)
    weights = np.empty_like(images)
    for number, image in enumerate(images):
        correlation = local_correlation(target.data, image, PATCH)
        weights[number] = np.maximum(correlation, 0) ** POWER + _LEAST
    return fuse_weighted(target, candidates, weights, note)
