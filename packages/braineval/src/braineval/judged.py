"""A property that a classifier can be trained to name in, the share of generated slices that show it as asked out.

A metric of this kind states the name of every slice and its words in a `Judged`, and hands `Judged.score` on. The
classifier is trained on REAL's training people; its own accuracy on people it has not seen stands beside every score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from braineval.classifier import Classifier, ClassifierSettings, train_classifier
from braineval.heldout import Kept, hold_out
from braineval.resample import share_interval
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Slices, same_size

Names = Callable[[Slices], npt.NDArray[np.object_]]
FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class Judge:
    """The classifier, its own accuracy on real slices it has not seen, and that accuracy in words."""

    classifier: Classifier
    floor: Floor
    said: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What is asked of slices, and how a metric speaks of it.

    Attributes
    ----------
    metric : str
        Name of the metric.
    names : callable
        What the property of every slice is called, shape (n,); None where it is not stated.
    judge : str
        What the classifier is called.
    too_few : str
        What is said of real slices among which there is nothing to tell apart; ``{known}`` is how many names they have.
    remedy : str
        What to do where a name is asked for that the real slices lack.
    """

    metric: str
    names: Names
    judge: str
    too_few: str
    remedy: str
    # Of its own: the judge of another property, trained on the same slices, must not take its place.
    _kept: Kept[Judge] = field(default_factory=Kept, init=False, repr=False, compare=False)

    def score(self, real: Slices, generated: Slices, settings: Settings) -> Score:
        """Return the share of `generated` whose name, by the classifier, is the one asked for.

        Raises
        ------
        NotDefinedError
            Fewer than two names or people among the real slices, or a name asked for that they lack.
        """
        same_size(real, generated)
        asked = self._asked(real, generated)
        judge = self._kept.get(real, settings, self._trained)
        named = judge.classifier.predict(generated, settings.batch)
        hits = (named == asked).astype(np.float64)
        rng = np.random.default_rng(settings.seed)
        return Score(
            metric=self.metric,
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

    def _asked(self, real: Slices, generated: Slices) -> npt.NDArray[np.str_]:
        known = sorted({str(name) for name in self.names(real) if name is not None})
        if len(known) < FEWEST:
            raise NotDefinedError(f"{real.name} {self.too_few.format(known=len(known))}")
        wanted = self.names(generated)
        foreign = sorted({str(name) for name in wanted if name not in known})
        if foreign:
            raise NotDefinedError(
                f"{generated.name} asks for {', '.join(foreign)}, {real.name} holds {', '.join(known)}: {self.remedy}"
            )
        return wanted.astype(str)

    def _trained(self, real: Slices, settings: Settings) -> Judge:
        rng = np.random.default_rng(settings.seed)
        sides = hold_out(real.select(self.names(real) != np.array(None)), rng)
        classifier = train_classifier(sides.learned, self.names(sides.learned).astype(str), rng, ClassifierSettings())
        check = self._accuracy(classifier, sides.unseen, settings.batch)
        return Judge(
            classifier=classifier,
            floor=Floor(
                halves=self._accuracy(classifier, sides.seen, settings.batch),
                people=check,
                n=(len(sides.seen), len(sides.unseen)),
            ),
            said=(
                f"{self.judge} trained here on {len(sides.learned)} real slices of {sides.people} people, right on "
                f"{check:.1%} of {len(sides.unseen)} slices of {sides.unseen.people} people it has not seen"
            ),
        )

    def _accuracy(self, classifier: Classifier, slices: Slices, batch: int) -> float:
        return float((classifier.predict(slices, batch) == self.names(slices).astype(str)).mean())
