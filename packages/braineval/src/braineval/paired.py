"""Real slices and reconstructions of the same keys in, the mean of a per-pair metric with interval and floor out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from braineval.resample import mean_interval
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Images, Indices, Slices, pair, same_size

# Grey values (n, h, w) of both sides → one value a pair, shape (n,).
PairMetric = Callable[[Images, Images], npt.NDArray[np.float64]]
# Pairs that a floor is averaged over: enough for two digits, few enough to stay cheap.
FLOOR_PAIRS = 200


def paired_score(
    name: str,
    metric: PairMetric,
    real: Slices,
    generated: Slices,
    settings: Settings,
    preprocessing: str,
    higher_is_better: bool = True,
) -> Score:
    """Return the mean of `metric` over slices that share a key.

    The floors put another real slice of the same plane and sequence where the reconstruction stood: any one
    (``halves``), or the nearest in position of another person (``people``). A reconstruction that scores no better than
    them carries nothing of its slice.

    Raises
    ------
    UsageError
        Two sizes, or no common key.
    NotDefinedError
        The metric is not a number for any pair.
    """
    same_size(real, generated)
    left, right = pair(real, generated)
    values = _values(metric, real, left, generated, right, settings.batch)
    known = np.isfinite(values)
    if not known.any():
        raise NotDefinedError(f"{name} is not a number for any of the {len(values)} pairs: look at the slices")
    rng = np.random.default_rng(settings.seed)
    units = np.unique(real.units[left][known], return_inverse=True)[1]
    return Score(
        metric=name,
        value=float(values[known].mean()),
        ci95=mean_interval(values[known], units, settings.draws, rng),
        floor=_floor(metric, real, left, settings, rng),
        n_real=int(known.sum()),
        n_generated=int(known.sum()),
        people_real=real.select(left[known]).people,
        people_generated=generated.select(right[known]).people,
        preprocessing=preprocessing,
        seed=settings.seed,
        higher_is_better=higher_is_better,
        details={"values": values.tolist(), "real": left.tolist(), "generated": right.tolist()},
    )


def _values(
    metric: PairMetric, first: Slices, left: Indices, second: Slices, right: Indices, batch: int
) -> npt.NDArray[np.float64]:
    parts = [
        metric(first.images(left[start : start + batch]), second.images(right[start : start + batch]))
        for start in range(0, len(left), batch)
    ]
    return np.concatenate(parts)


def _floor(metric: PairMetric, real: Slices, left: Indices, settings: Settings, rng: np.random.Generator) -> Floor:
    chosen = rng.permutation(np.unique(left))[:FLOOR_PAIRS]
    kinds = np.array([f"{p}|{s}" for p, s in zip(real.column("plane"), real.column("sequence"), strict=True)])
    position = np.array([np.nan if p is None else float(p) for p in real.column("position_mm")])
    units = real.units
    means: list[float | None] = []
    for choose in (_any_other, _nearest_other_person):
        partners = [(i, choose(int(i), kinds, units, position, rng)) for i in chosen]
        found = [(i, j) for i, j in partners if j is not None]
        means.append(_mean(metric, real, found, settings.batch))
    return Floor(halves=means[0], people=means[1], n=(len(chosen), len(chosen)))


def _mean(metric: PairMetric, real: Slices, pairs: list[tuple[int, int]], batch: int) -> float | None:
    if not pairs:
        return None
    first, second = (np.array(side, dtype=np.intp) for side in zip(*pairs, strict=True))
    values = _values(metric, real, first, real, second, batch)
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _any_other(
    i: int,
    kinds: npt.NDArray[np.str_],
    units: Indices,
    position: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> int | None:
    others = np.flatnonzero((kinds == kinds[i]) & (np.arange(len(kinds)) != i))
    return int(rng.choice(others)) if len(others) else None


def _nearest_other_person(
    i: int,
    kinds: npt.NDArray[np.str_],
    units: Indices,
    position: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> int | None:
    others = rng.permutation(np.flatnonzero((kinds == kinds[i]) & (units != units[i])))
    if not len(others):
        return None
    distance = np.abs(position[others] - position[i])
    return int(others[0] if np.isnan(distance).all() else others[np.nanargmin(distance)])
