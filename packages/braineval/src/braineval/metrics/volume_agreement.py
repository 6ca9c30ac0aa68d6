"""Agreement of structure volumes, mean ICC(2,1) over structures: 1 is equal. Wants ``--segmenter FOLDER``.

Slices of equal keys: volumes found in both by the segmenter, with the Dice of both segmentations. Slices drawn from
captions: volumes asked for against volumes found. Pearson's r, ICC and Dice of each structure stand in the report.
"""

from __future__ import annotations

import numpy as np

from braineval.agreement_table import Row, by_structure, in_words, mean, rows, volume_table
from braineval.asked import captioned
from braineval.overlap import pooled_dice
from braineval.resample import LOWEST_UNITS, person_weights
from braineval.score import Floor, NotDefinedError, Score
from braineval.segmenter import Amounts, Segmenter, load_segmenter
from braineval.settings import Settings
from braineval.slices import Indices, Slices, pair, same_size


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean ICC of volumes.

    The floors put another person's slice of the nearest position (``people``) or any other slice of one plane
    (``halves``) in the place of the generated one.

    Raises
    ------
    NotDefinedError
        No segmenter, neither equal keys nor captions, or no structure on three slices.
    """
    same_size(real, generated)
    segmenter = load_segmenter(settings.segmenter)
    rng = np.random.default_rng(settings.seed)
    if set(real.keys()) & set(generated.keys()):
        left, right = pair(real, generated)
        first, second = real.select(left), generated.select(right)
        wanted = segmenter.volumes(segmenter.pixels(first, settings.batch))
        dice = pooled_dice(
            segmenter.classes(first, settings.batch),
            segmenter.classes(second, settings.batch),
            len(segmenter.about.labels),
        )
        found = segmenter.volumes(segmenter.pixels(second, settings.batch))
        table = rows(segmenter.about.labels, wanted, found, dice)
        said = f"volumes of equal keys, mean Dice {mean([row.dice for row in table]):.3f}; {in_words(table)}"
    else:
        second, volumes = captioned(generated, fewest=1)
        first = second
        wanted = np.array([[one.get(label, 0.0) for label in segmenter.about.labels] for one in volumes])
        found = segmenter.volumes(segmenter.pixels(second, settings.batch))
        table = volume_table(segmenter, second, volumes, settings.batch)
        said = f"volumes asked for and found; {in_words(table)}"
    value = mean([row.icc for row in table])
    if not np.isfinite(value):
        raise NotDefinedError(
            f"no structure occurs on three slices of {generated.name} with volumes that vary: give more slices"
        )
    return Score(
        metric="volume-agreement",
        value=value,
        ci95=_interval(segmenter, wanted, found, second.units, settings, rng),
        floor=_floor(segmenter, wanted, first, rng),
        n_real=len(first),
        n_generated=len(second),
        people_real=first.people,
        people_generated=second.people,
        extractor="segmenter",
        extractor_sha256=segmenter.sha256,
        preprocessing=f"{segmenter.preprocessing}; {said}",
        seed=settings.seed,
        higher_is_better=True,
        details={"by_structure": by_structure(table)},
    )


def _value(table: list[Row]) -> float:
    return mean([row.icc for row in table])


def _interval(
    segmenter: Segmenter, wanted: Amounts, found: Amounts, units: Indices, settings: Settings, rng: np.random.Generator
) -> tuple[float, float] | None:
    if int(units.max()) + 1 < LOWEST_UNITS:
        return None
    values = []
    for _ in range(settings.draws):
        drawn = np.repeat(np.arange(len(units)), person_weights(units, rng).astype(int))
        values.append(_value(rows(segmenter.about.labels, wanted[drawn], found[drawn])))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def _floor(segmenter: Segmenter, wanted: Amounts, slices: Slices, rng: np.random.Generator) -> Floor:
    labels = segmenter.about.labels
    means = [
        _value(rows(labels, wanted[places], wanted[partners])) if len(places) else float("nan")
        for places, partners in (_partners(slices, rng, other) for other in (False, True))
    ]
    known = [value if np.isfinite(value) else None for value in means]
    return Floor(halves=known[0], people=known[1], n=(len(slices), len(slices)))


def _partners(slices: Slices, rng: np.random.Generator, other_person: bool) -> tuple[Indices, Indices]:
    """Return slices that have a partner of their plane, and one: any, or the nearest of another person."""
    plane, units = slices.column("plane"), slices.units
    position = np.array([np.nan if p is None else float(p) for p in slices.column("position_mm")])
    places, partners = [], []
    for i in range(len(slices)):
        fit = (plane == plane[i]) & (units != units[i] if other_person else np.arange(len(slices)) != i)
        others = rng.permutation(np.flatnonzero(fit))
        if len(others):
            distance = np.abs(position[others] - position[i])
            near = others[0] if not other_person or np.isnan(distance).all() else others[np.nanargmin(distance)]
            places.append(i)
            partners.append(int(near))
    return np.array(places, dtype=np.intp), np.array(partners, dtype=np.intp)
