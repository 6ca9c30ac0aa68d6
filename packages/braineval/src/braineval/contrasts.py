"""Generated slices of one prompt in several contrasts in, how alike the contrasts are out, between two real bounds.

The protocol of Kim et al. (Controllable-MR): real slices of one person and place in two contrasts are the upper bound,
real slices of two contrasts drawn at random the lower one.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from braineval.paired import PairMetric
from braineval.resample import mean_interval
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Indices, Slices, same_size

MOST_PAIRS = 1000


def contrast_score(
    name: str, metric: PairMetric, real: Slices, generated: Slices, settings: Settings, preprocessing: str
) -> Score:
    """Return the mean of `metric` over pairs of two contrasts of one prompt.

    Raises
    ------
    NotDefinedError
        No prompt was drawn in two contrasts.
    """
    same_size(real, generated)
    rng = np.random.default_rng(settings.seed)
    pairs = matched(generated, rng)
    if not len(pairs):
        raise NotDefinedError(
            f"{generated.name} holds no prompt in two contrasts (keys equal but for the contrast): generate each "
            "prompt in several"
        )
    values = _values(metric, generated, pairs, settings.batch)
    known = np.isfinite(values)
    if not known.any():
        raise NotDefinedError(f"{name} is not a number for any of the {len(values)} pairs: look at the slices")
    units = np.unique(generated.units[pairs[known, 0]], return_inverse=True)[1]
    bounds = [
        float(np.nanmean(_values(metric, real, chosen, settings.batch))) if len(chosen) else None
        for chosen in (matched(real, rng), _random(real, rng))
    ]
    return Score(
        metric=name,
        value=float(values[known].mean()),
        ci95=mean_interval(values[known], units, settings.draws, rng),
        floor=Floor(halves=bounds[0], people=bounds[1], n=(len(real), len(real))),
        n_real=len(real),
        n_generated=int(known.sum()),
        people_real=real.people,
        people_generated=generated.people,
        preprocessing=(
            f"{preprocessing}; pairs of two contrasts of one prompt; the floors are bounds: real pairs of one person "
            "and place (halves, upper), real slices of two contrasts at random (people, lower)"
        ),
        seed=settings.seed,
        details={"values": values.tolist()},
    )


def matched(slices: Slices, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Return pairs of slices that differ in contrast alone, shape (n, 2), a thousand at most."""
    groups: dict[tuple[object, ...], list[int]] = {}
    names = slices.column("sequence")
    columns = (slices.column("volume_id"), slices.column("plane"), slices.column("index"))
    for i, (volume, plane, index) in enumerate(zip(*columns, strict=True)):
        if names[i] is not None:
            # A volume's id names its contrast: without it, scans of one person and place are alike.
            groups.setdefault((str(volume).replace(str(names[i]), "*"), plane, index), []).append(i)
    pairs = [pair for one in groups.values() for pair in combinations(one, 2) if names[pair[0]] != names[pair[1]]]
    found = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return found[np.sort(rng.permutation(len(found))[:MOST_PAIRS])]


def _random(slices: Slices, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Return pairs of random slices of one plane and two contrasts, shape (n, 2)."""
    names, planes = slices.column("sequence").astype(str), slices.column("plane").astype(str)
    drawn = rng.integers(len(slices), size=(MOST_PAIRS, 2))
    fit = (names[drawn[:, 0]] != names[drawn[:, 1]]) & (planes[drawn[:, 0]] == planes[drawn[:, 1]])
    return np.asarray(drawn[fit][: MOST_PAIRS // 4], dtype=np.intp)


def _values(metric: PairMetric, slices: Slices, pairs: Indices, batch: int) -> npt.NDArray[np.float64]:
    parts = [
        metric(slices.images(pairs[start : start + batch, 0]), slices.images(pairs[start : start + batch, 1]))
        for start in range(0, len(pairs), batch)
    ]
    return np.concatenate(parts)
