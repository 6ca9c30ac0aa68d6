"""Weights and shifts of every disputed voxel in, the winning labels out: each voxel's weights vote for a whole patch.

What was found at a voxel y says where each candidate's patch around y belongs, and what it is worth. So y votes for
every voxel of a cube, not for its own alone (Wang and Yushkevich 2013, doi:10.3389/fninf.2013.00027): a voxel x
collects, from every y within `spread` of it, the candidate's label at x moved by y's shift, with y's weight. Weights of
equal shifts are added up first: one look a candidate and shift at most, however many voxels vote.
"""

from __future__ import annotations

import numba
import numpy as np

from brainatlas.fusion.patches import offsets, shift_of
from brainatlas.fusion.soft_votes import add_soft, take_winner
from brainatlas.sampling import position

MIXED = 65535  # stands for a code where three labels or more meet
PAIR = np.dtype([("first", np.uint16), ("second", np.uint16), ("part", np.float32)])  # the second's part of the vote


@numba.njit(cache=True, nogil=True)
def add_pairs(labels, way, wanted, pairs):  # type: ignore[no-untyped-def]
    """Fill `pairs`, shape of the target, with what one candidate votes for, where `wanted`.

    Most soft votes are for one label or two, and each is looked up for many shifts of many neighbours: here they are
    worked out once. Where there are more, `first` is `MIXED`.
    """
    ni, nj, nk = wanted.shape
    for i in range(ni):
        for j in range(nj):
            for k in range(nk):
                if wanted[i, j, k]:
                    pairs[i, j, k].first, pairs[i, j, k].second, pairs[i, j, k].part = _pair(labels, way, i, j, k)


@numba.njit(cache=True, nogil=True)
def _pair(labels, way, i, j, k):  # type: ignore[no-untyped-def]
    """Return the one or two labels that a candidate's vote for a voxel is split among, and the second's part."""
    ni, nj, nk = labels.shape
    x, y, z = position(way[0], way[1], i, j, k)
    x0, y0, z0 = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    fx, fy, fz = x - x0, y - y0, z - z0
    one, other, share = np.uint16(MIXED), np.uint16(MIXED), 0.0
    for a in range(2):
        wx = fx if a else 1.0 - fx
        for b in range(2):
            wy = fy if b else 1.0 - fy
            for c in range(2):
                weight = wx * wy * (fz if c else 1.0 - fz)
                if weight <= 0.0:
                    continue
                u, v, w = x0 + a, y0 + b, z0 + c
                code = np.uint16(0)
                if 0 <= u < ni and 0 <= v < nj and 0 <= w < nk:
                    code = labels[u, v, w]
                if one == MIXED:
                    one = code
                if code == one:
                    continue
                if other == MIXED:
                    other = code
                if code != other:
                    return np.uint16(MIXED), np.uint16(MIXED), np.float32(0.0)
                share += weight
    return one, other if share > 0.0 else one, np.float32(share)


@numba.njit(cache=True, nogil=True)
def vote_patches(found, pairs, voters, mask, spread, search, n_codes, winner, share):  # type: ignore[no-untyped-def]
    """Fill `winner` and `share` within `mask`.

    `found` is (row of every voxel or -1, steps, weights), the latter two of shape (rows, candidates): voxels without a
    row vote for nobody and are voted for by all candidates alike, unmoved. `voters` is (maps, ways).
    """
    row_of, steps, weights = found
    n, bins, width = weights.shape[1], (2 * search + 1) ** 3, 2 * spread + 1
    ring = np.zeros((width, n * bins), dtype=np.float32)  # what the columns k − spread … k + spread vote for
    worth, unmoved = np.zeros(n * bins, dtype=np.float32), np.zeros(n * bins, dtype=np.float32)
    unmoved[bins // 2 :: bins] = 1.0 / n
    away = (np.arange(n).reshape(n, 1) * mask.size + offsets(mask.shape, search)).ravel()  # of every candidate and step
    used = np.zeros(n * bins, dtype=np.int64)
    votes, seen, touched = np.zeros(n_codes), np.zeros(n_codes, dtype=np.bool_), np.zeros(n_codes, dtype=np.int64)
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            ahead = -spread
            for k in range(mask.shape[2]):
                if not mask[i, j, k]:
                    continue
                by_shift = unmoved
                if row_of[i, j, k] >= 0:
                    for z in range(max(ahead, k - spread), k + spread + 1):
                        _collect(row_of, steps, weights, i, j, z, spread, bins, ring[z % width])
                    ahead = k + spread + 1
                    _sum_rows(ring, worth)
                    by_shift = worth
                n_touched = _count(by_shift, pairs, voters, i, j, k, away, used, search, votes, seen, touched)
                code, part = take_winner(votes, seen, touched, n_touched, i, j, k)
                winner[i, j, k] = code
                share[i, j, k] = part


@numba.njit(cache=True, nogil=True)
def _collect(row_of, steps, weights, i, j, k, spread, bins, worth):  # type: ignore[no-untyped-def]
    """Fill `worth`, one number a candidate and step, with the weights found in one column of the neighbourhood."""
    worth[:] = 0.0
    if not 0 <= k < row_of.shape[2]:
        return
    n = weights.shape[1]
    for a in range(max(i - spread, 0), min(i + spread + 1, row_of.shape[0])):
        for b in range(max(j - spread, 0), min(j + spread + 1, row_of.shape[1])):
            row = row_of[a, b, k]
            if row >= 0:
                step, weight = steps[row], weights[row]
                for c in range(n):
                    worth[c * bins + step[c]] += weight[c]


@numba.njit(cache=True, nogil=True)
def _sum_rows(rows, total):  # type: ignore[no-untyped-def]
    """Fill `total` with the sum of `rows`."""
    total[:] = rows[0]
    for one in range(1, len(rows)):
        row = rows[one]
        for place in range(total.size):
            total[place] += row[place]


@numba.njit(cache=True, nogil=True)
def _count(worth, pairs, voters, i, j, k, away, used, search, votes, seen, touched):  # type: ignore[no-untyped-def]
    """Sum the candidates' votes for one voxel; returns how many labels got any."""
    maps, ways = voters
    bins, n_used, n_touched = (2 * search + 1) ** 3, 0, 0
    for place in range(worth.size):  # listed first, without a branch: which ones count is hard to predict
        used[n_used] = place
        n_used += worth[place] != 0.0
    every = pairs.ravel()
    centre = (i * pairs.shape[2] + j) * pairs.shape[3] + k
    for number in range(n_used):
        place = used[number]
        weight, pair = worth[place], every[centre + away[place]]
        code, other = pair.first, pair.second
        if code == MIXED:
            c = place // bins
            di, dj, dk = shift_of(place % bins, search)
            n_touched = add_soft(maps[c], ways[c], i + di, j + dj, k + dk, weight, votes, seen, touched, n_touched)
            continue
        if not seen[code]:  # written out, not called: a call trebles the time
            seen[code], touched[n_touched] = True, code
            n_touched += 1
        if not seen[other]:
            seen[other], touched[n_touched] = True, other
            n_touched += 1
        part = weight * pair.part
        votes[code] += weight - part
        votes[other] += part  # 0 where the second is the first
    return n_touched
