"""Metrics whose judge is a trained classifier: a new one is names and words, and each has a judge of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from braineval import judged
from braineval.classifier import Classifier, ClassifierSettings
from braineval.judged import Judged
from braineval.network import SliceNetwork
from braineval.score import NotDefinedError
from braineval.settings import Settings
from braineval.slices import Slices

QUICK = Settings(draws=20)


class FirstClass(Classifier):
    """A classifier that names the first of its classes, whatever it sees."""

    def predict(self, slices: Slices, batch: int) -> npt.NDArray[np.str_]:
        return np.full(len(slices), self.classes[0])


def of_column(column: str) -> Judged:
    """Return the metric of what stands in a column."""
    return Judged(
        metric=f"{column}-accuracy",
        names=lambda slices: slices.column(column),
        judge=f"classifier of {column}",
        too_few=f"holds {{known}} kinds of {column}, wanted two or more: render others",
        remedy="score against others",
    )


def test_two_properties_of_the_same_slices_have_a_judge_each(
    make: Callable[..., Slices], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def train(slices: Slices, labels: npt.NDArray[np.str_], rng: object, settings: ClassifierSettings) -> Classifier:
        trained.append(tuple(np.unique(labels).tolist()))
        return FirstClass(network=SliceNetwork(1), classes=trained[-1])

    monkeypatch.setattr(judged, "train_classifier", train)
    real = make(people=4)
    contrast, person = of_column("sequence"), of_column("person")
    scores = [metric.score(real, real, QUICK) for metric in (contrast, person, contrast, person)]
    assert [len(score.details["classes"]) for score in scores] == [3, 3, 3, 3]
    assert [score.details["classes"][0] for score in scores] == ["FLAIR", "demo/sub-00"] * 2
    assert [score.value for score in scores] == [pytest.approx(1 / 3), pytest.approx(1 / 4)] * 2
    assert len(trained) == 2  # the judge trained last is kept, for each property by itself
    assert scores[1].preprocessing.startswith("grey / 255, 64 × 64; classifier of person trained here on")


def test_what_cannot_be_asked_is_said_in_the_words_of_the_metric(make: Callable[..., Slices]) -> None:
    real = make(people=4)
    with pytest.raises(NotDefinedError, match="real holds 1 kinds of plane, wanted two or more: render others"):
        of_column("plane").score(real, real, QUICK)
    others = real.select(real.column("sequence") != "T1w")
    with pytest.raises(NotDefinedError, match="real asks for T1w, real holds FLAIR, T2w: score against others"):
        of_column("sequence").score(others, real, QUICK)
