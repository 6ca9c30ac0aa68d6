"""Share of generated slices that show the field strength asked for, judged by a classifier trained on the real slices.

A field strength shows in grey values, bias and the noise of the air around a head; of brains alone it is harder to
tell, which the floors say: "people" is the judge's accuracy on people it has not seen, "halves" on unseen slices of
people it has seen.
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

COLUMN = "field_strength_t"


@dataclass(frozen=True, kw_only=True)
class Judge:
    """The classifier, its own accuracy on real slices it has not seen, and that accuracy in words."""

    classifier: Classifier
    floor: Floor
    said: str


_kept: Kept[Judge] = Kept()


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the share of `generated` whose field strength the classifier names as asked.

    Raises
    ------
    NotDefinedError
        Fewer than two field strengths or people among the real slices, or one asked for that they lack.
    """
    same_size(real, generated)
    asked = _asked(real, generated)
    judge = _kept.get(real, settings, _trained)
    named = judge.classifier.predict(generated, settings.batch)
    hits = (named == asked).astype(np.float64)
    return Score(
        metric="field-strength-accuracy",
        value=float(hits.mean()),
        ci95=share_interval(hits, generated.units, settings.draws, np.random.default_rng(settings.seed)),
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


def names(slices: Slices) -> npt.NDArray[np.object_]:
    """Return what the field strength of every slice is called, such as "0.3 T"; None where it is not stated."""
    return np.array(
        [None if tesla is None else f"{float(tesla):.3g} T" for tesla in slices.column(COLUMN)], dtype=object
    )


def _trained(real: Slices, settings: Settings) -> Judge:
    rng = np.random.default_rng(settings.seed)
    sides = hold_out(real.select(names(real) != np.array(None)), rng)
    classifier = train_classifier(sides.learned, names(sides.learned).astype(str), rng, ClassifierSettings())
    check = _accuracy(classifier, sides.unseen, settings.batch)
    return Judge(
        classifier=classifier,
        floor=Floor(
            halves=_accuracy(classifier, sides.seen, settings.batch),
            people=check,
            n=(len(sides.seen), len(sides.unseen)),
        ),
        said=(
            f"classifier of field strength trained here on {len(sides.learned)} real slices of {sides.people} people, "
            f"right on {check:.1%} of {len(sides.unseen)} slices of {sides.unseen.people} people it has not seen"
        ),
    )


def _asked(real: Slices, generated: Slices) -> npt.NDArray[np.str_]:
    known = sorted({str(name) for name in names(real) if name is not None})
    if len(known) < 2:
        raise NotDefinedError(
            f"{real.name} states {len(known)} field strengths, wanted two or more to tell apart: give real slices of "
            "several scanners, with the column field_strength_t"
        )
    wanted = names(generated)
    foreign = sorted({str(name) for name in wanted if name not in known})
    if foreign:
        raise NotDefinedError(
            f"{generated.name} asks for {', '.join(foreign)}, {real.name} holds {', '.join(known)}: score against real "
            "slices of the same field strengths"
        )
    return wanted.astype(str)


def _accuracy(classifier: Classifier, slices: Slices, batch: int) -> float:
    return float((classifier.predict(slices, batch) == names(slices).astype(str)).mean())
