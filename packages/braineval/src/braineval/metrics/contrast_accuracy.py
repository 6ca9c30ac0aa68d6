"""Share of generated slices that show the contrast asked for, judged by a classifier trained on the real slices.

The classifier is trained on REAL's training people and checked on people it has not seen: that accuracy is the floor
"people" and stands in the protocol; "halves" is its accuracy on unseen slices of people it has seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braineval.classifier import Classifier, ClassifierSettings, train_classifier
from braineval.heldout import split_people
from braineval.resample import share_interval
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Slices, same_size

KEPT_BACK = 0.1


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Real slices, the classifier trained on them, its own accuracy on others, and that accuracy in words."""

    real: Slices
    classifier: Classifier
    floor: Floor
    said: str


# The judge of the last folder of real slices: a report asks it about every folder of generated ones. It
# holds its slices, so that no other reader can take their place in memory and with it their key.
_last: dict[tuple[int, bytes, int], Judge] = {}


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the share of `generated` whose sequence the classifier names as asked.

    Raises
    ------
    NotDefinedError
        Fewer than two contrasts or people among the real slices, or a contrast asked for that they lack.
    """
    same_size(real, generated)
    asked = _asked(real, generated)
    judge = _judge(real, settings)
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


def _judge(real: Slices, settings: Settings) -> Judge:
    key = (id(real.reader), real.rows.tobytes(), settings.seed)
    if key not in _last:
        _last.clear()
        _last[key] = _trained(real, settings)
    return _last[key]


def _trained(real: Slices, settings: Settings) -> Judge:
    rng = np.random.default_rng(settings.seed)
    training, held = split_people(real.select(real.column("sequence") != np.array(None)), rng)
    order = rng.permutation(len(training))
    kept = max(1, round(KEPT_BACK * len(training)))
    learned, seen = training.select(order[kept:]), training.select(order[:kept])
    classifier = train_classifier(learned, _names(learned), rng, ClassifierSettings())
    check = _accuracy(classifier, held, settings.batch)
    return Judge(
        real=real,
        classifier=classifier,
        floor=Floor(halves=_accuracy(classifier, seen, settings.batch), people=check, n=(len(seen), len(held))),
        said=(
            f"classifier trained here on {len(learned)} real slices of {training.people} people, right on {check:.1%} "
            f"of {len(held)} slices of {held.people} people it has not seen"
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
