"""Candidates in, labels by ANTs' own joint label fusion with the search of this package's, ± 1 voxel, out."""

from __future__ import annotations

from collections.abc import Sequence

from brainatlas.fusion.comparisons.ants_jlf import fuse_within
from brainatlas.fusion.model import Candidate, Fused, Target

_SEARCH = 1


def fuse(target: Target, candidates: Sequence[Candidate]) -> Fused:
    """Return ANTs' labels where the candidates differ, and what they agree on elsewhere."""
    return fuse_within(target, candidates, _SEARCH)
