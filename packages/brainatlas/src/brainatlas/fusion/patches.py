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

    Works row by row: the products of a whole row are summed over the patch's cross-section first and then along the
    row, so that a patch of 5³ costs 25 multiplications a voxel that run side by side. A step is a number that
    `shift_of` takes apart; the one without shift wins ties. `scan` and `there` are (image, mean, inverse deviation).
    """
    target, t_mean, t_inverse = scan
    image, i_mean, i_inverse = there
    ni, nj, nk = target.shape
    edge = radius + search
    column = np.zeros(nk, dtype=np.float32)
    score = np.zeros(nk, dtype=np.float32)
    chosen = np.zeros(nk, dtype=np.int16)
    share = np.float32(1.0 / (2 * radius + 1) ** 3)
    width = 2 * search + 1
    middle = width**3 // 2
    for i in range(edge, ni - edge):
        for j in range(edge, nj - edge):
            first, last = nk, -1
            for k in range(edge, nk - edge):
                if wanted[i, j, k]:
                    first = min(first, k)
                    last = max(last, k)
            if last < 0:
                continue
            score[:] = -2.0
            chosen[:] = middle
            for step in range((2 * search + 1) ** 3):
                # the middle step (no shift) is tried first, so that it wins ties
                turn = middle if step == 0 else (step - 1 if step <= middle else step)
                di, dj, dk = shift_of(turn, search)
                lo, hi = first - radius, last + radius + 1
                sums = column[: hi - lo]
                sums[:] = 0.0
                for a in range(-radius, radius + 1):
                    for b in range(-radius, radius + 1):
                        row = target[i + a, j + b, lo:hi]
                        other = image[i + di + a, j + dj + b, lo + dk : hi + dk]
                        for k in range(hi - lo):
                            sums[k] += row[k] * other[k]
                mean, inverse = t_mean[i, j, first : last + 1], t_inverse[i, j, first : last + 1]
                mean_there = i_mean[i + di, j + dj, first + dk : last + 1 + dk]
                inverse_there = i_inverse[i + di, j + dj, first + dk : last + 1 + dk]
                for k in range(last + 1 - first):
                    total = np.float32(0.0)
                    for c in range(2 * radius + 1):
                        total += sums[k + c]
                    value = (total * share - mean[k] * mean_there[k]) * inverse[k] * inverse_there[k]
                    if value > score[k] + np.float32(1e-6):
                        score[k] = value
                        chosen[k] = turn
            for k in range(last + 1 - first):
                best[i, j, first + k] = chosen[k]


@numba.njit(cache=True, nogil=True, fastmath=True)
def normalised_patch(image, mean, inverse, i, j, k, radius, patch):  # type: ignore[no-untyped-def]
    """Fill `patch` with the patch around (i, j, k), mean 0 and standard deviation 1."""
    m, s = mean[i, j, k], inverse[i, j, k]
    p, width = 0, 2 * radius + 1
    for a in range(width):
        for b in range(width):
            row = image[i - radius + a, j - radius + b, k - radius : k + radius + 1]
            for c in range(width):
                patch[p + c] = (row[c] - m) * s
            p += width


@numba.njit(cache=True, nogil=True, fastmath=True)
def joint_weights(difference, alpha, beta, matrix, weights):  # type: ignore[no-untyped-def]
    """Fill `weights` with joint label fusion's (Wang et al. 2013, doi:10.1109/TPAMI.2012.143, eq. 7 and 11).

    ``difference``, shape (candidates, patch), holds |target − candidate|; the expected joint error of two candidates is
    the mean of their product, to the power β; w = (M + αI)⁻¹1, scaled to sum 1, solved by Cholesky's method.
    """
    n, size = difference.shape
    for a in range(n):
        mine = difference[a]
        for b in range(a + 1):
            theirs = difference[b]
            total = np.float32(0.0)
            for p in range(size):
                total += mine[p] * theirs[p]
            matrix[a, b] = (total / size) ** beta
    ridge = 0.0
    for a in range(n):
        ridge += matrix[a, a]
    ridge = alpha * ridge / n + 1e-9
    for a in range(n):  # Cholesky in place, lower triangle
        matrix[a, a] += ridge
        for b in range(a + 1):
            total = matrix[a, b]
            for c in range(b):
                total -= matrix[a, c] * matrix[b, c]
            if a == b:
                matrix[a, a] = np.sqrt(max(total, 1e-12))
            else:
                matrix[a, b] = total / matrix[b, b]
    for a in range(n):
        weights[a] = 1.0
        for c in range(a):
            weights[a] -= matrix[a, c] * weights[c]
        weights[a] /= matrix[a, a]
    for a in range(n - 1, -1, -1):
        for c in range(a + 1, n):
            weights[a] -= matrix[c, a] * weights[c]
        weights[a] /= matrix[a, a]
    whole = 0.0
    for a in range(n):
        weights[a] = max(weights[a], 0.0)
        whole += weights[a]
    for a in range(n):
        weights[a] = weights[a] / whole if whole > 0.0 else 1.0 / n
