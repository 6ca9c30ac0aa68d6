"""Generated slices and a per-pair similarity in, the mean similarity of random pairs with interval and floor out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.paired import PairMetric
from braineval.resample import person_weights
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Indices, Slices

PAIRS = 400


def diversity_score(name: str, metric: PairMetric, real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean of `metric` over pairs of one plane and sequence within `generated`.

    The floors are the same mean over pairs of real slices: any pair (``halves``), pairs of two people (``people``).

    Raises
    ------
    NotDefinedError
        No two generated slices have the same plane and sequence.
    """
    rng = np.random.default_rng(settings.seed)
    first, second = _pairs(generated, rng, other_person=False)
    if not len(first):
        raise NotDefinedError(
            f"{name} wants two generated slices of one plane and sequence, {generated.name} has none: generate more"
        )
    values = _values(metric, generated, first, second, settings.batch)
    floors = []
    for other_person in (False, True):
        a, b = _pairs(real, rng, other_person)
        floors.append(float(np.nanmean(_values(metric, real, a, b, settings.batch))) if len(a) else None)
    return Score(
        metric=name,
        value=float(np.nanmean(values)),
        ci95=_interval(values, generated.units, first, second, settings.draws, rng),
        floor=Floor(halves=floors[0], people=floors[1], n=(len(real), len(real))),
        n_real=len(real),
        n_generated=len(generated),
        people_real=real.people,
        people_generated=generated.people,
        preprocessing=f"grey / 255, no resizing, at most {PAIRS} random pairs of one plane and sequence",
        seed=settings.seed,
    )


def _pairs(slices: Slices, rng: np.random.Generator, other_person: bool) -> tuple[Indices, Indices]:
    """Return up to PAIRS random pairs i ≠ j of one plane and sequence, shape (n,) each."""
    kinds = np.array([f"{p}|{s}" for p, s in zip(slices.column("plane"), slices.column("sequence"), strict=True)])
    units = slices.units
    drawn = rng.integers(len(slices), size=(2, PAIRS * 20))
    good = (drawn[0] < drawn[1]) & (kinds[drawn[0]] == kinds[drawn[1]])
    if other_person:
        good &= units[drawn[0]] != units[drawn[1]]
    chosen = np.unique(drawn[:, good], axis=1)
    chosen = chosen[:, rng.permutation(chosen.shape[1])[:PAIRS]]
    return chosen[0], chosen[1]


def _values(metric: PairMetric, slices: Slices, first: Indices, second: Indices, batch: int) -> npt.NDArray[np.float64]:
    return np.concatenate(
        [
            metric(slices.images(first[start : start + batch]), slices.images(second[start : start + batch]))
            for start in range(0, len(first), batch)
        ]
    )


def _interval(
    values: npt.NDArray[np.float64],
    units: Indices,
    first: Indices,
    second: Indices,
    draws: int,
    rng: np.random.Generator,
) -> tuple[float, float] | None:
    if int(units.max()) < 1:
        return None
    means = []
    for _ in range(draws):
        counts = person_weights(units, rng)
        weights = counts[first] * counts[second]
        if weights.sum() > 0:
            means.append(float(np.average(values, weights=weights)))
    low, high = np.percentile(means, [2.5, 97.5]) if means else (np.nan, np.nan)
    return float(low), float(high)
