"""Gain in accuracy of contrast classification from a few real slices when generated ones are added; above 0 helps.

A linear classifier on stored features learns from so few slices of REAL's training people that it is right on 50 to
85 % of the slices of unseen people; then generated slices are added, 20 draws. The floor "halves" is the gain of as
many ordinarily augmented copies of the same few slices (the control), "people" that of as many other real slices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braineval.augment import augment
from braineval.features import extract, load_once
from braineval.few_shot import Features, FewShotSettings, Labels, draw_evenly, predicted
from braineval.heldout import split_people
from braineval.resample import person_weights
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Slices, same_size
from braineval.tensors import as_grey

Hits = npt.NDArray[np.float64]
ARMS = ("synthetic", "augmented", "real")


@dataclass(frozen=True, kw_only=True)
class _Side:
    """Slices with their features and classes."""

    slices: Slices
    features: Features
    labels: Labels


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean gain over the draws.

    Raises
    ------
    NotDefinedError
        Fewer than two contrasts, a contrast that one side lacks, or no number of slices with an accuracy in the band.
    """
    same_size(real, generated)
    few = FewShotSettings()
    rng = np.random.default_rng(settings.seed)
    extractor = load_once(*settings.chosen_extractor("built-in"))
    names = _contrasts(real, generated)

    def side(slices: Slices) -> _Side:
        labels = np.array([names.index(str(one)) for one in slices.column("sequence")], dtype=np.intp)
        features = extract(extractor, slices, settings.batch, settings.store).astype(np.float64)
        return _Side(slices=slices, features=features, labels=labels)

    named = real.select(np.isin(real.column("sequence").astype(str), names))
    training, unseen = (side(part) for part in split_people(named, rng))
    made = side(generated.select(np.isin(generated.column("sequence").astype(str), names)))
    shots = _shots(training, unseen, few, rng)
    without: list[Hits] = []
    arms: dict[str, list[Hits]] = {arm: [] for arm in ARMS}
    for _ in range(few.draws):
        chosen = draw_evenly(training.labels, shots, rng)
        added = draw_evenly(made.labels, few.added, rng)
        base = (training.features[chosen], training.labels[chosen])
        without.append(_hits([base], unseen, few))
        arms["synthetic"].append(_hits([base, (made.features[added], made.labels[added])], unseen, few))
        copied = _as_many(training.labels, chosen, made.labels[added], rng)
        varied = augment(as_grey(training.slices.images(copied)), rng)
        pixels = (varied[:, 0].numpy() * 255).round().astype(np.uint8)
        control = (extractor(pixels).astype(np.float64), training.labels[copied])
        arms["augmented"].append(_hits([base, control], unseen, few))
        others = _as_many(training.labels, np.arange(len(training.labels)), made.labels[added], rng)
        arms["real"].append(_hits([base, (training.features[others], training.labels[others])], unseen, few))
    base_hits = np.stack(without)
    gains = {arm: np.stack(hits) - base_hits for arm, hits in arms.items()}
    accuracy = float(base_hits.mean())
    return Score(
        metric="few-shot-gain",
        value=float(gains["synthetic"].mean()),
        ci95=_interval(gains["synthetic"], unseen.slices.units, settings.draws, rng),
        floor=Floor(
            halves=float(gains["augmented"].mean()),
            people=float(gains["real"].mean()),
            n=(len(names) * shots, len(unseen.slices)),
        ),
        n_real=len(real),
        n_generated=len(made.slices),
        people_real=real.people,
        people_generated=generated.people,
        extractor=extractor.name,
        extractor_sha256=extractor.sha256,
        preprocessing=(
            f"{extractor.preprocessing}; linear classifier of {len(names)} contrasts from {shots} slices each, right "
            f"on {accuracy:.1%} of {len(unseen.slices)} slices of {unseen.slices.people} unseen people; {few.draws} "
            f"paired draws, up to {few.added} slices a contrast added; the floors are augmented copies and other real "
            "slices"
        ),
        seed=settings.seed,
        higher_is_better=True,
        details={"without": accuracy, **{arm: float(one.mean()) for arm, one in gains.items()}, "shots": shots},
    )


def _contrasts(real: Slices, generated: Slices) -> list[str]:
    known = [{str(name) for name in side.column("sequence") if name is not None} for side in (real, generated)]
    shared = sorted(known[0] & known[1])
    if len(shared) < 2:
        raise NotDefinedError(
            f"{real.name} and {generated.name} share {len(shared)} contrasts, wanted two or more to tell apart: give "
            "slices of several sequences"
        )
    return shared


def _shots(training: _Side, unseen: _Side, few: FewShotSettings, rng: np.random.Generator) -> int:
    """Return the smallest number of slices a contrast whose accuracy lies in the band."""
    tried = []
    for shots in few.shots:
        draws = [draw_evenly(training.labels, shots, rng) for _ in range(few.pilots)]
        hits = [_hits([(training.features[one], training.labels[one])], unseen, few) for one in draws]
        tried.append(f"{np.mean(hits):.0%} with {shots}")
        if few.band[0] <= np.mean(hits) <= few.band[1]:
            return shots
    raise NotDefinedError(
        f"no number of slices leaves an accuracy of {few.band[0]:.0%} to {few.band[1]:.0%} on {training.slices.name} "
        f"({', '.join(tried)}): the contrasts are too easy or too hard to tell, give other slices"
    )


def _hits(parts: list[tuple[Features, Labels]], unseen: _Side, few: FewShotSettings) -> Hits:
    train, labels = (np.concatenate(one) for one in zip(*parts, strict=True))
    return (predicted(train, labels, unseen.features, few.ridge) == unseen.labels).astype(np.float64)


def _as_many(labels: Labels, pool: Labels, wanted: Labels, rng: np.random.Generator) -> Labels:
    """Return positions out of `pool` with as many of every class as `wanted` has, drawn with replacement."""
    parts = [rng.choice(pool[labels[pool] == one], int((wanted == one).sum())) for one in np.unique(wanted)]
    return np.concatenate(parts)


def _interval(gains: Hits, units: npt.NDArray[np.intp], draws: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of the mean of `gains`, shape (draws, slices): draws and people are drawn anew."""
    means = []
    for _ in range(draws):
        chosen = gains[rng.integers(len(gains), size=len(gains))].mean(axis=0)
        means.append(float(np.average(chosen, weights=person_weights(units, rng))))
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
