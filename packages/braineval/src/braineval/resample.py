"""Values or a statistic with the person of each slice in, a 95 % interval out: people are drawn anew, never slices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float64]
LOWEST_UNITS = 2
# With fewer draws the outer percentiles are those draws themselves: ±1.96 standard errors say more.
FEWEST_FOR_PERCENTILES = 100


def person_weights(units: npt.NDArray[np.intp], rng: np.random.Generator) -> Weights:
    """Return how often each slice occurs when its people are drawn with replacement, shape (n,)."""
    people = int(units.max()) + 1
    return rng.multinomial(people, np.full(people, 1.0 / people))[units].astype(np.float64)


def mean_interval(
    values: npt.NDArray[np.float64], units: npt.NDArray[np.intp], draws: int, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean of `values` over people; None when there is one person only.

    Percentile bootstrap of clusters (Davison and Hinkley 1997, section 3.8).
    """
    if int(units.max()) + 1 < LOWEST_UNITS:
        return None
    means = []
    for _ in range(draws):
        weights = person_weights(units, rng)
        means.append(float(weights @ values / weights.sum()))
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def share_interval(
    values: npt.NDArray[np.float64], units: npt.NDArray[np.intp], draws: int, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Return the 95 % interval of a share (`values` 0 or 1).

    As `mean_interval`; where all values agree, which no bootstrap can vary, the Wilson interval of as many trials as
    there are people.
    """
    if values.min() != values.max():
        return mean_interval(values, units, draws, rng)
    return wilson(float(values[0]), int(units.max()) + 1)


def wilson(share: float, trials: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (Wilson 1927, JASA 22:209).

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson(0.5, 20)]
    [0.299, 0.701]
    """
    z = 1.959964
    centre = (share * trials + z**2 / 2) / (trials + z**2)
    half = z / (trials + z**2) * np.sqrt(share * (1 - share) * trials + z**2 / 4)
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def distance_interval(
    value: float,
    statistic: Callable[[Weights, Weights], float],
    units: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    draws: int,
    rng: np.random.Generator,
) -> tuple[float, float] | None:
    """Return the 95 % interval of a distance between two samples, people of both sides drawn anew.

    A drawn sample repeats slices, which lifts distances of Fréchet kind. The draws' deviations from their own mean
    are therefore laid around `value`: the interval is about the estimate at these counts, its bias included.

    Parameters
    ----------
    value : float
        The distance of the samples themselves.
    statistic : callable
        Weights of the real and of the generated slices → distance.
    units : pair of ndarray of int
        Person of each real and of each generated slice.
    """
    if min(int(side.max()) + 1 for side in units) < LOWEST_UNITS or draws < LOWEST_UNITS:
        return None
    drawn = np.array([statistic(person_weights(units[0], rng), person_weights(units[1], rng)) for _ in range(draws)])
    if draws < FEWEST_FOR_PERCENTILES:
        low, high = np.array([-1.96, 1.96]) * drawn.std(ddof=1)
    else:
        low, high = np.percentile(drawn - drawn.mean(), [2.5, 97.5])
    return float(value + low), float(value + high)
