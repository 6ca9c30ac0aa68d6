"""Share of generated slices that show the contrast asked for, judged by a classifier trained on the real slices.

The classifier is trained on REAL's training people and checked on people it has not seen: that accuracy is the floor
"people" and stands in the protocol; "halves" is its accuracy on unseen slices of people it has seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braineval.classifier import Classifier, ClassifierSettings, train_classifier
from braineval.heldout import Kept, hold_out
from braineval.resample import share_interval
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Slices, same_size


@dataclass(frozen=True, kw_only=True)
class Judge:
    """The classifier, its own accuracy on real slices it has not seen, and that accuracy in words."""

    classifier: Classifier
    floor: Floor
    said: str


_kept: Kept[Judge] = Kept()


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the share of `generated` whose sequence the classifier names as asked.

    Raises
    ------
    NotDefinedError
        Fewer than two contrasts or people among the real slices, or a contrast asked for that they lack.
    """
    same_size(real, generated)
    asked = _asked(real, generated)
    judge = _kept.get(real, settings, _trained)
    named = judge.classifier.predict(generated, settings.batch)
    hits = (named == asked).astype(np.float64)
    rng = np.random.default_rng(settings.seed)
    return Score(
        metric="contrast-accuracy",
        value=float(hits.mean()),
        ci95=share_interval(hits, generated.units, settings.draws, rng),
        floor=judge.floor,
        n_real=len(real),
        n_generated=len(generated),
        people_real=real.people,
        people_generated=generated.people,
        preprocessing=f"grey / 255, 64 × 64; {judge.said}",
        seed=settings.seed,
        higher_is_better=True,
        details={"asked": asked.tolist(), "named": named.tolist(), "classes": list(judge.classifier.classes)},
    )


def _trained(real: Slices, settings: Settings) -> Judge:
    rng = np.random.default_rng(settings.seed)
    sides = hold_out(real.select(real.column("sequence") != np.array(None)), rng)
    classifier = train_classifier(sides.learned, _names(sides.learned), rng, ClassifierSettings())
    check = _accuracy(classifier, sides.unseen, settings.batch)
    return Judge(
        classifier=classifier,
        floor=Floor(
            halves=_accuracy(classifier, sides.seen, settings.batch),
            people=check,
            n=(len(sides.seen), len(sides.unseen)),
        ),
        said=(
            f"classifier trained here on {len(sides.learned)} real slices of {sides.people} people, right on "
            f"{check:.1%} of {len(sides.unseen)} slices of {sides.unseen.people} people it has not seen"
        ),
    )


def _asked(real: Slices, generated: Slices) -> npt.NDArray[np.str_]:
    known = sorted({str(name) for name in real.column("sequence") if name is not None})
    if len(known) < 2:
        raise NotDefinedError(
            f"{real.name} holds {len(known)} contrasts, wanted two or more to tell apart: render several sequences"
        )
    wanted = generated.column("sequence")
    foreign = sorted({str(name) for name in wanted if name not in known})
    if foreign:
        raise NotDefinedError(
            f"{generated.name} asks for {', '.join(foreign)}, {real.name} holds {', '.join(known)}: score against real "
            "slices of the same sequences"
        )
    return np.array([str(name) for name in wanted])


def _names(slices: Slices) -> npt.NDArray[np.str_]:
    return np.array([str(name) for name in slices.column("sequence")])


def _accuracy(classifier: Classifier, slices: Slices, batch: int) -> float:
    return float((classifier.predict(slices, batch) == _names(slices)).mean())
