"""Candidates' label maps and weights in, winning labels and their share out: votes of interpolated one-hot labels.

A candidate's vote at a voxel is split among the labels of the eight voxels around the point it maps to, by trilinear
weights, as if every label had been resampled linearly as an image of its own; no such image is ever made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
import numpy.typing as npt

from brainatlas.fusion.ballot import encode, scatter
from brainatlas.fusion.model import Candidate, Fused, Target
from brainatlas.sampling import position


def encoded(candidates: Sequence[Candidate]) -> tuple[npt.NDArray[np.uint16], object, object]:
    """Return the table of labels, and as numba lists the candidates' maps as codes and their ways to a voxel."""
    table, maps = encode([candidate.labels for candidate in candidates])
    listed, ways = numba.typed.List(), numba.typed.List()
    for candidate, labels in zip(candidates, maps, strict=True):
        listed.append(np.ascontiguousarray(labels))
        ways.append((np.ascontiguousarray(candidate.to_voxel[:3]), candidate.offset))
    return table, listed, ways


def fuse_weighted(
    target: Target,
    candidates: Sequence[Candidate],
    weights: npt.NDArray[np.float32] | None = None,
    note: str = "",
) -> Fused:
    """Return the label with the largest weighted sum of soft votes.

    Parameters
    ----------
    target : Target
    candidates : sequence of Candidate
    weights : ndarray of float32, shape (candidates, i, j, k), optional
        Not negative; by default every candidate counts alike.
    note : str
        Handed on to the result.
    """
    table, maps, ways = encoded(candidates)
    each = np.ones((len(candidates), 1, 1, 1), dtype=np.float32) if weights is None else weights
    winner = np.zeros(target.mask.shape, dtype=np.uint16)
    share = np.zeros(target.mask.shape, dtype=np.float32)
    count_soft(maps, ways, each, target.mask, table.size, winner, share)
    return Fused(labels=table[winner], confidence=share, note=note)


@numba.njit(cache=True, nogil=True)
def add_soft(labels, way, i, j, k, weight, votes, seen, touched, n_touched):  # type: ignore[no-untyped-def]
    """Add one candidate's vote for voxel (i, j, k) to `votes`; outside its array it votes for code 0."""
    ni, nj, nk = labels.shape
    x, y, z = position(way[0], way[1], i, j, k)
    x0, y0, z0 = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    fx, fy, fz = x - x0, y - y0, z - z0
    for a in range(2):
        wx = fx if a else 1.0 - fx
        for b in range(2):
            wy = fy if b else 1.0 - fy
            for c in range(2):
                part = wx * wy * (fz if c else 1.0 - fz) * weight
                if part == 0.0:
                    continue
                u, v, w = x0 + a, y0 + b, z0 + c
                code = 0
                if 0 <= u < ni and 0 <= v < nj and 0 <= w < nk:
                    code = labels[u, v, w]
                if not seen[code]:
                    seen[code], touched[n_touched] = True, code
                    n_touched += 1
                votes[code] += part
    return n_touched


@numba.njit(cache=True, nogil=True)
def take_winner(votes, seen, touched, n_touched, i, j, k):  # type: ignore[no-untyped-def]
    """Return the code with most votes and its share of those above zero; exact ties are drawn by position.

    `votes` and `seen` are set back to nothing.
    """
    most, total, tied = 0.0, 0.0, 0
    for t in range(n_touched):
        value = votes[touched[t]]
        total += max(value, 0.0)
        if value > most:
            most, tied = value, 1
        elif value == most:
            tied += 1
    winner = 0
    if most > 0.0:
        draw = scatter(i, j, k) % tied if tied > 1 else 0
        for t in range(n_touched):
            if votes[touched[t]] == most:
                if draw == 0:
                    winner = touched[t]
                    break
                draw -= 1
    for t in range(n_touched):
        votes[touched[t]], seen[touched[t]] = 0.0, False
    return winner, most / total if total > 0.0 else 0.0


@numba.njit(cache=True, nogil=True)
def count_soft(maps, ways, weights, mask, n_codes, winner, share):  # type: ignore[no-untyped-def]
    """Fill `winner` and `share` within `mask`; `weights` may have one voxel only, which then holds everywhere."""
    ni, nj, nk = mask.shape
    everywhere = weights.shape[1] == 1
    votes = np.zeros(n_codes, dtype=np.float64)
    seen, touched = np.zeros(n_codes, dtype=np.bool_), np.zeros(n_codes, dtype=np.int64)
    for i in range(ni):
        for j in range(nj):
            for k in range(nk):
                if not mask[i, j, k]:
                    continue
                n_touched = 0
                for c in range(len(maps)):
                    weight = weights[c, 0, 0, 0] if everywhere else weights[c, i, j, k]
                    n_touched = add_soft(maps[c], ways[c], i, j, k, weight, votes, seen, touched, n_touched)
                code, part = take_winner(votes, seen, touched, n_touched, i, j, k)
                winner[i, j, k] = code
                share[i, j, k] = part
