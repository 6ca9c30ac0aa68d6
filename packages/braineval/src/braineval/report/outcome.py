"""Folders and metric names in, every score, or the reason why there is none, out."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from braincaption.errors import BrainError
from braincaption.progress import track
from braineval import metrics
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one metric said of one folder: a score, or why it is not defined."""

    metric: str
    model: str
    score: Score | None
    reason: str = ""


def outcomes(
    real: Slices, generated: Mapping[str, Slices], chosen: Sequence[str], settings: Settings
) -> tuple[Outcome, ...]:
    """Score every folder with every metric, by metric, then by folder; metrics that refuse keep their reason."""
    tasks = [(metric, model) for metric in chosen for model in generated]
    return tuple(
        _outcome(metric, model, real, generated[model], settings)
        for metric, model in track(tasks, "scoring", len(tasks))
    )


def _outcome(metric: str, model: str, real: Slices, generated: Slices, settings: Settings) -> Outcome:
    try:
        score = metrics.scorer(metric)(real, generated, settings)
    except BrainError as error:
        return Outcome(metric=metric, model=model, score=None, reason=str(error))
    print(f"{model}: {score.line()}", file=sys.stderr)
    return Outcome(metric=metric, model=model, score=score)
