"""A target and candidate images in, the best-matching shift of each candidate and joint-fusion weights out (numba).

All patches are compared after subtracting their mean and dividing by their standard deviation, so that minimising the
squared difference is maximising the correlation.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def shift_of(step, search):  # type: ignore[no-untyped-def]
    """Return the shift along the three axes that the number `step` stands for."""
    width = 2 * search + 1
    return step // (width * width) - search, (step // width) % width - search, step % width - search


@numba.njit(cache=True, nogil=True, fastmath=True)
def best_shifts(scan, there, wanted, radius, search, best):  # type: ignore[no-untyped-def]
    """Fill `best`, shape (i, j, k) int16, with the step whose patch of `image` correlates best with the target's.

    Works plane by plane: products are summed over the patch's three axes one after the other, so that a patch of 5³
    costs 5 multiplications and 10 additions a voxel that run side by side. A step is a number that `shift_of` takes
    apart; the one without shift wins ties. `scan` and `there` are (image, mean, inverse deviation).
    """
    ni, nj, nk = wanted.shape
    edge = radius + search
    plane = np.zeros((nj, nk), dtype=np.float32)
    sums = np.zeros((2, nk), dtype=np.float32)
    score = np.zeros((nj, nk), dtype=np.float32)
    chosen = np.zeros((nj, nk), dtype=np.int16)
    middle = (2 * search + 1) ** 3 // 2
    for i in range(edge, ni - edge):
        first_j, last_j, first_k, last_k = _extent(wanted[i], edge)
        if last_j < 0:
            continue
        score[:] = -2.0
        chosen[:] = middle
        for step in range((2 * search + 1) ** 3):
            # the middle step (no shift) is tried first, so that it wins ties
            turn = middle if step == 0 else (step - 1 if step <= middle else step)
            di, dj, dk = shift_of(turn, search)
            low, high = first_k - radius, last_k + radius + 1
            for j in range(first_j - radius, last_j + radius + 1):
                _products(scan[0], there[0], i, j, low, high, di, dj, dk, radius, plane[j])
            for j in range(first_j, last_j + 1):
                _sum_over_patch(plane, j, first_k, last_k + 1, radius, sums)
                _keep_better(scan, there, i, j, first_k, last_k + 1, di, dj, dk, turn, radius, sums[0], score, chosen)
        for j in range(first_j, last_j + 1):
            for k in range(first_k, last_k + 1):
                if wanted[i, j, k]:
                    best[i, j, k] = chosen[j, k]


@numba.njit(cache=True, nogil=True)
def _extent(wanted, edge):  # type: ignore[no-untyped-def]
    """Return first and last row and column of what is wanted in a plane, away from its edge; last -1 for nothing."""
    nj, nk = wanted.shape
    first_j, last_j, first_k, last_k = nj, -1, nk, -1
    for j in range(edge, nj - edge):
        for k in range(edge, nk - edge):
            if wanted[j, k]:
                first_j, last_j = min(first_j, j), max(last_j, j)
                first_k, last_k = min(first_k, k), max(last_k, k)
    return first_j, last_j, first_k, last_k


@numba.njit(cache=True, nogil=True, fastmath=True)
def _products(target, image, i, j, low, high, di, dj, dk, radius, out):  # type: ignore[no-untyped-def]
    """Fill `out` from `low` to `high` with target × shifted image, summed over the patch's first axis."""
    sums = out[low:high]
    sums[:] = 0.0
    for a in range(-radius, radius + 1):
        row = target[i + a, j, low:high]
        other = image[i + di + a, j + dj, low + dk : high + dk]
        for k in range(sums.size):
            sums[k] += row[k] * other[k]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _sum_over_patch(plane, j, low, high, radius, out):  # type: ignore[no-untyped-def]
    """Fill the first high − low of `out[0]` with the sums of `plane` over the patch's other two axes."""
    total, wide = out[0, : high - low], out[1, : high - low + 2 * radius]
    wide[:] = 0.0
    for b in range(-radius, radius + 1):
        row = plane[j + b, low - radius : high + radius]
        for k in range(wide.size):
            wide[k] += row[k]
    total[:] = 0.0
    for c in range(2 * radius + 1):
        part = wide[c : c + high - low]
        for k in range(total.size):
            total[k] += part[k]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _keep_better(scan, there, i, j, low, high, di, dj, dk, turn, radius, sums, score, chosen):  # type: ignore[no-untyped-def]
    """Put `turn` into `chosen` wherever the correlation it stands for is above `score`."""
    share = np.float32(1.0 / (2 * radius + 1) ** 3)
    mean, inverse = scan[1][i, j, low:high], scan[2][i, j, low:high]
    mean_there = there[1][i + di, j + dj, low + dk : high + dk]
    inverse_there = there[2][i + di, j + dj, low + dk : high + dk]
    mine, steps = score[j, low:high], chosen[j, low:high]
    for k in range(mine.size):
        value = (sums[k] * share - mean[k] * mean_there[k]) * inverse[k] * inverse_there[k]
        better = value > mine[k] + np.float32(1e-6)
        mine[k] = value if better else mine[k]
        steps[k] = turn if better else steps[k]


@numba.njit(cache=True, nogil=True)
def offsets(shape, radius):  # type: ignore[no-untyped-def]
    """Return how far from a voxel, in memory, the voxels of the cube of `radius` around it lie."""
    width = 2 * radius + 1
    away = np.zeros(width**3, dtype=np.int64)
    for place in range(away.size):
        di, dj, dk = shift_of(place, radius)
        away[place] = (di * shape[1] + dj) * shape[2] + dk
    return away


@numba.njit(cache=True, nogil=True, fastmath=True)
def weigh(scan, atlas, row_of, steps, near, away, numbers, weights):  # type: ignore[no-untyped-def]
    """Fill `weights`, shape (rows, candidates), for every voxel that has a row, each candidate moved by its step.

    All volumes are flat: `scan` is (image, mean, inverse deviation), `atlas` the same of all candidates; `near` and
    `away` are the `offsets` of patch and search, `numbers` (α, β, whether weights may be negative).
    """
    n, size = weights.shape[1], near.size
    patch, difference = np.zeros(size, dtype=np.float32), np.zeros((n, size), dtype=np.float32)
    matrix, solved = np.zeros((n, n)), np.zeros(n)
    for voxel in range(row_of.size):
        row = row_of[voxel]
        if row < 0:
            continue
        mean, inverse = scan[1][voxel], scan[2][voxel]
        for p in range(size):
            patch[p] = (scan[0][voxel + near[p]] - mean) * inverse
        for c in range(n):
            there = voxel + away[steps[row, c]]
            image, mine = atlas[0][c], difference[c]
            mean, inverse = atlas[1][c, there], atlas[2][c, there]
            for p in range(size):
                mine[p] = abs((image[there + near[p]] - mean) * inverse - patch[p])
        joint_weights(difference, numbers, matrix, solved)
        for c in range(n):
            weights[row, c] = solved[c]


@numba.njit(cache=True, nogil=True, fastmath=True)
def joint_weights(difference, numbers, matrix, weights):  # type: ignore[no-untyped-def]
    """Fill `weights` with joint label fusion's (Wang et al. 2013, doi:10.1109/TPAMI.2012.143, eq. 7 and 11).

    ``difference``, shape (candidates, patch), holds |target − candidate|; the expected joint error of two candidates is
    the mean of their product, to the power β; w = (M + αI)⁻¹1, scaled to sum 1. A candidate that errs as others do, but
    more, gets a negative one. `numbers` is (α, as a share of the mean diagonal, β, whether negative weights are kept).
    """
    alpha, beta, negative = numbers
    n, size = difference.shape
    share = np.float32(1.0 / size)
    ridge = 0.0
    for a in range(n):
        mine = difference[a]
        for b in range(a + 1):
            theirs = difference[b]
            total = np.float32(0.0)
            for p in range(size):
                total += mine[p] * theirs[p]
            mean = np.float64(total * share)
            matrix[a, b] = mean if beta == 1.0 else mean * mean if beta == 2.0 else mean**beta  # a power costs 10 ns
        ridge += matrix[a, a]
    ridge = alpha * ridge / n + 1e-9
    for a in range(n):
        matrix[a, a] += ridge
        weights[a] = 1.0
    _solve(matrix, weights)
    whole = 0.0
    for a in range(n):
        weights[a] = weights[a] if negative else max(weights[a], 0.0)
        whole += weights[a]
    for a in range(n):
        weights[a] = weights[a] / whole if whole > 0.0 else 1.0 / n


@numba.njit(cache=True, nogil=True, fastmath=True)
def _solve(matrix, weights):  # type: ignore[no-untyped-def]
    """Replace `weights` by matrix⁻¹ weights: Gauss on the lower triangle of a positive definite matrix, in place."""
    n = len(weights)
    for a in range(n):
        matrix[a, a] = 1.0 / max(matrix[a, a], 1e-12)  # from here on the reciprocal
        for b in range(a + 1, n):
            factor = matrix[b, a] * matrix[a, a]
            weights[b] -= factor * weights[a]
            for c in range(a + 1, b + 1):
                matrix[b, c] -= factor * matrix[c, a]
    for a in range(n - 1, -1, -1):
        for c in range(a + 1, n):
            weights[a] -= matrix[c, a] * weights[c]
        weights[a] *= matrix[a, a]
