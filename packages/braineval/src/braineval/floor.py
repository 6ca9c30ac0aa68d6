"""Real slices with people and a statistic in, the two real-vs-real floors at the scored counts out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from braineval.score import Floor

Indices = npt.NDArray[np.intp]
Statistic = Callable[[Indices, Indices], float]
# A side with fewer slices than this has no distribution to speak of.
LOWEST_SIDE = 2


def floor_counts(n_real: int, n_generated: int) -> tuple[int, int]:
    """Return the counts of the two sides of a floor: those scored, shrunk where the real slices do not suffice.

    Examples
    --------
    >>> floor_counts(1000, 100)
    (900, 100)
    >>> floor_counts(100, 1000)
    (50, 50)
    """
    second = min(n_generated, n_real // 2)
    return n_real - second, second


def real_floor(
    units: npt.NDArray[np.intp], n_generated: int, statistic: Statistic, draws: int, rng: np.random.Generator
) -> Floor:
    """Return both floors, each the mean over `draws` random splits.

    Parameters
    ----------
    units : ndarray of int, shape (n,)
        Person of each real slice.
    n_generated : int
        Slices on the generated side of the score.
    statistic : callable
        Indices of one side, indices of the other → the metric.
    """
    counts = floor_counts(len(units), n_generated)
    halves = [statistic(*_halves(len(units), counts, rng)) for _ in range(draws)] if min(counts) >= LOWEST_SIDE else []
    split = [pair for pair in (_people(units, counts, rng) for _ in range(draws)) if pair is not None]
    people = [statistic(*pair) for pair in split]
    return Floor(
        halves=float(np.mean(halves)) if halves else None,
        people=float(np.mean(people)) if people else None,
        n=counts,
    )


def _halves(n: int, counts: tuple[int, int], rng: np.random.Generator) -> tuple[Indices, Indices]:
    order = rng.permutation(n)
    return order[: counts[0]], order[counts[0] : counts[0] + counts[1]]


def _people(
    units: npt.NDArray[np.intp], counts: tuple[int, int], rng: np.random.Generator
) -> tuple[Indices, Indices] | None:
    """Return two sides without a common person, as near to `counts` as whole people allow; None with one person."""
    people = rng.permutation(int(units.max()) + 1)
    sizes = np.bincount(units)[people]
    # Whole people go to the smaller side until it is full; at least one person stays for the other side.
    taken = min(int(np.searchsorted(np.cumsum(sizes), counts[1])) + 1, len(people) - 1)
    if taken < 1:
        return None
    chosen = np.isin(units, people[:taken])
    second, first = rng.permutation(np.flatnonzero(chosen)), rng.permutation(np.flatnonzero(~chosen))
    first, second = first[: counts[0]], second[: counts[1]]
    return (first, second) if min(len(first), len(second)) >= LOWEST_SIDE else None
