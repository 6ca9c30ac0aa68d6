"""Fréchet distance extrapolated to infinitely many people, so that few slices do not inflate it: 0 if equal.

A straight line through the distances of random subsets of people against 1 / their share (Chong and Forsyth 2020), the
interval from leaving out a tenth of the people at a time. Wants eight people a side; a slice without one counts as one.
"""

from __future__ import annotations

import numpy as np

from braineval.extrapolate import FEWEST_PEOPLE, extrapolated, jackknife_interval
from braineval.features import feature_pair
from braineval.floor import real_floor
from braineval.score import NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Indices, Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the extrapolated distance, as ``frechet-infinite-<extractor>``.

    Raises
    ------
    NotDefinedError
        Fewer than eight people on a side.
    """
    units = (real.units, generated.units)
    fewest = min(int(side.max()) + 1 for side in units)
    if fewest < FEWEST_PEOPLE:
        raise NotDefinedError(
            f"frechet-infinite wants {FEWEST_PEOPLE} people a side, there are {fewest}: give slices of more people, or "
            "use frechet beside its floors"
        )
    pair = feature_pair(real, generated, settings, "built-in")
    rng = np.random.default_rng(settings.seed)
    value = extrapolated(pair.real, pair.generated, units, rng)

    def floor(first: Indices, second: Indices) -> float:
        sides = tuple(np.unique(units[0][side], return_inverse=True)[1] for side in (first, second))
        return extrapolated(pair.real[first], pair.real[second], (sides[0], sides[1]), rng)

    return Score(
        metric=f"frechet-infinite-{pair.extractor.name}",
        value=value,
        ci95=jackknife_interval(value, pair.real, pair.generated, units, settings.seed),
        floor=real_floor(units[0], len(generated), floor, settings.floor_draws, rng),
        n_real=len(real),
        n_generated=len(generated),
        people_real=real.people,
        people_generated=generated.people,
        extractor=pair.extractor.name,
        extractor_sha256=pair.extractor.sha256,
        preprocessing=f"{pair.extractor.preprocessing}; line against 1 / share of people",
        seed=settings.seed,
        higher_is_better=False,
    )
