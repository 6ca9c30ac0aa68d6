"""Label maps in, dense codes and their winner out: what every fuser needs, with one rule for ties.

A tie goes to the label with more votes among the six neighbours; if that is a tie too, to one of the tied labels drawn
by a hash of the voxel's position. Neither rule knows what a label means, so neither background, nor left, nor a low
number is favoured, and equal inputs give equal labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
import numpy.typing as npt


def encode(maps: Sequence[npt.NDArray[np.uint16]]) -> tuple[npt.NDArray[np.uint16], list[npt.NDArray[np.uint16]]]:
    """Return the sorted labels of all maps (0 always first) and the maps with each label replaced by its position."""
    found = np.zeros(65536, dtype=bool)
    found[0] = True
    for labels in maps:
        found[labels] = True
    table = np.flatnonzero(found).astype(np.uint16)
    position = np.zeros(65536, dtype=np.uint16)
    position[table] = np.arange(table.size, dtype=np.uint16)
    return table, [position[labels] for labels in maps]


@numba.njit(cache=True, nogil=True)
def scatter(i, j, k):  # type: ignore[no-untyped-def]
    """Return a non-negative integer that looks random and depends on the voxel only."""
    value = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791)
    value = (value ^ (value >> 13)) * 1274126177
    return (value ^ (value >> 16)) & 0x7FFFFFFF


@numba.njit(cache=True, nogil=True)
def count_votes(stack, mask, n_codes, winner, share):  # type: ignore[no-untyped-def]
    """Fill `winner` and `share` from the codes in `stack`, shape (voters, i, j, k), by plain majority."""
    voters, ni, nj, nk = stack.shape
    votes = np.zeros(n_codes, dtype=np.int64)
    near = np.zeros(n_codes, dtype=np.int64)
    for i in range(ni):
        for j in range(nj):
            for k in range(nk):
                if not mask[i, j, k]:
                    continue
                votes[:] = 0
                for v in range(voters):
                    votes[stack[v, i, j, k]] += 1
                most = votes.max()
                tied = (votes == most).sum()
                share[i, j, k] = most / voters
                if tied == 1:
                    winner[i, j, k] = votes.argmax()
                    continue
                near[:] = 0
                for v in range(voters):
                    near[stack[v, max(i - 1, 0), j, k]] += 1
                    near[stack[v, min(i + 1, ni - 1), j, k]] += 1
                    near[stack[v, i, max(j - 1, 0), k]] += 1
                    near[stack[v, i, min(j + 1, nj - 1), k]] += 1
                    near[stack[v, i, j, max(k - 1, 0)]] += 1
                    near[stack[v, i, j, min(k + 1, nk - 1)]] += 1
                best = -1
                for code in range(n_codes):
                    if votes[code] == most and near[code] > best:
                        best = near[code]
                left = 0
                for code in range(n_codes):
                    if votes[code] == most and near[code] == best:
                        left += 1
                draw = scatter(i, j, k) % left
                for code in range(n_codes):
                    if votes[code] == most and near[code] == best:
                        if draw == 0:
                            winner[i, j, k] = code
                            break
                        draw -= 1
