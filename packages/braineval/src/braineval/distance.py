"""Features of two sides and a distance in, its score with interval and both floors out."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from braineval.features import FeaturePair, feature_pair
from braineval.floor import real_floor
from braineval.resample import distance_interval
from braineval.score import Floor, Score
from braineval.settings import Settings
from braineval.slices import Slices

Array = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float64]
Distance = Callable[[Array, Array, tuple[Weights | None, Weights | None]], float]
# Above this length one evaluation takes seconds; a few draws then give the standard error.
LONG_FEATURES = 512
FEW_DRAWS = 20
# Shares of the slices that the curve of the distance against their number is drawn from.
CURVE = (0.125, 0.25, 0.5)
FEWEST_ON_CURVE = 8


def distance_score(
    name: str, distance: Distance, real: Slices, generated: Slices, settings: Settings, extractor: str
) -> Score:
    """Return the distance between the features of both sides; `name` may hold ``{extractor}``."""
    pair = feature_pair(real, generated, settings, extractor)
    rng = np.random.default_rng(settings.seed)
    value = distance(pair.real, pair.generated, (None, None))
    floor = real_floor(
        real.units,
        len(generated),
        lambda first, second: distance(pair.real[first], pair.real[second], (None, None)),
        settings.floor_draws,
        np.random.default_rng([settings.seed, 2]),
    )
    _warn_few(pair, floor)
    draws = settings.draws if pair.extractor.dimension <= LONG_FEATURES else min(settings.draws, FEW_DRAWS)
    return Score(
        metric=name.format(extractor=pair.extractor.name),
        value=value,
        ci95=distance_interval(
            value,
            lambda first, second: distance(pair.real, pair.generated, (first, second)),
            (real.units, generated.units),
            draws,
            rng,
        ),
        floor=floor,
        n_real=len(real),
        n_generated=len(generated),
        people_real=real.people,
        people_generated=generated.people,
        extractor=pair.extractor.name,
        extractor_sha256=pair.extractor.sha256,
        preprocessing=pair.extractor.preprocessing,
        seed=settings.seed,
        higher_is_better=False,
        details={"curve": _curve(distance, pair, settings.seed)},
    )


def _curve(distance: Distance, pair: FeaturePair, seed: int) -> list[tuple[int, float, float | None]]:
    """Return (n, distance at n against n slices, the same between real slices or None)."""
    rng = np.random.default_rng([seed, 1])  # of its own, so that the score does not depend on the drawing
    if pair.extractor.dimension > LONG_FEATURES:
        return []
    fewest = min(len(pair.real), len(pair.generated))
    sizes = dict.fromkeys(int(share * fewest) for share in (*CURVE, 1.0))
    points: list[tuple[int, float, float | None]] = []
    for n in sizes:
        if n >= FEWEST_ON_CURVE:
            real, made = rng.permutation(len(pair.real)), rng.permutation(len(pair.generated))
            both = distance(pair.real[real[:n]], pair.generated[made[:n]], (None, None))
            enough = len(real) >= 2 * n
            floor = distance(pair.real[real[:n]], pair.real[real[n : 2 * n]], (None, None)) if enough else None
            points.append((n, both, floor))
    return points


def _warn_few(pair: FeaturePair, floor: Floor) -> None:
    fewest = min(len(pair.real), len(pair.generated))
    if fewest <= pair.extractor.dimension:
        known = (("halves", floor.halves), ("people", floor.people))
        said = ", ".join(f"{name} {value:.4g}" for name, value in known if value is not None)
        print(
            f"Warning: {fewest} slices for {pair.extractor.dimension} features: the distance is mostly sampling error "
            f"(real against real: {said or 'not possible'}); read it beside that floor, or give more slices",
            file=sys.stderr,
        )
