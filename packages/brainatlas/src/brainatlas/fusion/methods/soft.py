"""Candidates in, the label with the largest sum of trilinearly interpolated one-hot votes out."""

from __future__ import annotations

from collections.abc import Sequence

from brainatlas.fusion.model import Candidate, Fused, Target
from brainatlas.fusion.soft_votes import fuse_weighted


def fuse(target: Target, candidates: Sequence[Candidate]) -> Fused:
    """Return the label of the largest soft vote; every candidate counts alike, whatever its contrast."""
    return fuse_weighted(target, candidates)
