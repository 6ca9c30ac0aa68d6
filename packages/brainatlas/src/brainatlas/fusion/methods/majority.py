"""Candidates in, the label most of them vote for out: each votes with its nearest voxel's label (the paper's fuser)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainatlas.fusion.ballot import count_votes, encode
from brainatlas.fusion.model import Candidate, Fused, Target
from brainatlas.sampling import sample_nearest


def fuse(target: Target, candidates: Sequence[Candidate]) -> Fused:
    """Return the most frequent label of every voxel; ties as `brainatlas.fusion.ballot` says."""
    shape = target.data.shape
    nearest = [
        sample_nearest(one.labels, one.to_voxel, (shape[0], shape[1], shape[2]), one.offset) for one in candidates
    ]
    table, coded = encode(nearest)
    winner = np.zeros(shape, dtype=np.uint16)
    share = np.zeros(shape, dtype=np.float32)
    count_votes(np.stack(coded), target.mask, table.size, winner, share)
    return Fused(labels=table[winner], confidence=share)
