"""Real and generated slices in, the table of the Controllable-MR paper (Kim et al.) out, beside its own figures.

Three parts: the distance of each contrast to its real slices; how alike the contrasts of one prompt are, between real
pairs and random ones; CLIP scores of the whole prompt, of the contrast alone and of the structures alone (theirs: the
type of glioma alone). The built-in Fréchet distance stands under each FID, for where the Inception weights are absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from braincaption.atomic import atomic_path
from braincaption.errors import BrainError
from braineval import metrics
from braineval.report.markdown import number
from braineval.report.parts import Section, Table
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices

FILE = "controllable.json"
DISTANCES = ("fid", "frechet")
MEAN = "mean"
LIKENESS = {"ssim-contrasts": "SSIM", "nmi-contrasts": "NMI", "ncc-contrasts": "NCC"}
WORDS = {
    "clip-score": "whole prompt",
    "clip-score-contrast": "contrast alone",
    "clip-score-structures": "structures alone",
}
# Kim et al.: their own data (glioma, 256 × 256) and weights; a landmark, not a bar to reach.
PAPER_FID = {"FLAIR": 43.23, "T1w": 46.58, "T1w after contrast": 45.47, "T2w": 30.15, MEAN: 41.35}
PAPER_LIKENESS = {
    "real pairs": ("0.757", "0.487", "0.910"),
    "generated": ("0.743", "0.457", "0.909"),
    "random pairs": ("0.659", "0.271", "0.735"),
}
PAPER_CLIP = ("31.08", "27.17", "29.90")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number: which model and metric, of which contrast (None: of all), and the score or why there is none."""

    model: str
    metric: str
    contrast: str | None
    score: Score | None
    reason: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the cell as it stands in the JSON."""
        kept = {name: getattr(self, name) for name in ("model", "metric", "contrast", "reason")}
        return kept | {"score": None if self.score is None else self.score.as_dict()}


def controllable_cells(real: Slices, generated: Mapping[str, Slices], settings: Settings) -> list[Cell]:
    """Return every number of the table.

    Parameters
    ----------
    real : Slices
    generated : mapping
        Model → slices; the contrasts of one prompt have equal keys but for the contrast.
    settings : Settings
    """
    found = []
    for model, made in generated.items():
        for metric in DISTANCES:
            for contrast in _contrasts(real):
                found.append(_cell(model, metric, contrast, _of(real, contrast), _of(made, contrast), settings))
        found += [_cell(model, metric, None, real, made, settings) for metric in (*LIKENESS, *WORDS)]
    return found


def write_cells(cells: Sequence[Cell], path: Path) -> None:
    """Write the numbers as JSON."""
    with atomic_path(path) as aside:
        text = json.dumps([cell.as_dict() for cell in cells], indent=2, ensure_ascii=False, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")


def controllable_section(cells: Sequence[Cell]) -> Section:
    """Return the table as a section of the page, and why cells are empty."""
    models = list(dict.fromkeys(cell.model for cell in cells))
    tables = [_distances(cells, models), _likeness(cells, models), _words(cells, models)]
    empty = tuple(
        (cell.model, cell.metric, cell.contrast or "all", cell.reason) for cell in cells if cell.score is None
    )
    if empty:
        tables.append(Table(header=("model", "metric", "contrast", "not defined, because"), rows=empty))
    return Section(
        title="The table of Controllable-MR",
        lead=(
            "Distance by contrast, in brackets that between real slices of different people at these counts; likeness "
            "of the contrasts of one prompt, which should lie between the two real rows; CLIP scores of the prompt and "
            "of its parts. The paper's own figures are of other data: a landmark."
        ),
        tables=tuple(tables),
    )


def _contrasts(real: Slices) -> list[str]:
    return sorted({str(name) for name in real.column("sequence") if name is not None})


def _of(slices: Slices, contrast: str) -> Slices:
    return slices.select(slices.column("sequence").astype(str) == contrast)


def _cell(model: str, metric: str, contrast: str | None, real: Slices, made: Slices, settings: Settings) -> Cell:
    if not len(made):
        return Cell(model=model, metric=metric, contrast=contrast, score=None, reason="none was drawn")
    try:
        score = metrics.scorer(metric)(real, made, settings)
    except BrainError as error:
        return Cell(model=model, metric=metric, contrast=contrast, score=None, reason=str(error))
    return Cell(model=model, metric=metric, contrast=contrast, score=score)


def _distances(cells: Sequence[Cell], models: Sequence[str]) -> Table:
    contrasts = list(dict.fromkeys(cell.contrast for cell in cells if cell.contrast is not None))
    rows = []
    for model in models:
        for metric in DISTANCES:
            mine = [cell for cell in cells if (cell.model, cell.metric) == (model, metric)]
            scores = {cell.contrast: cell.score for cell in mine}
            known = [score.value for score in scores.values() if score is not None]
            mean = number(float(np.mean(known))) if known and len(known) == len(contrasts) else "–"
            named = next((score.metric for score in scores.values() if score is not None), metric)
            rows.append((model, named, *(_with_floor(scores[name]) for name in contrasts), mean))
    theirs = tuple(number(PAPER_FID.get(name)) for name in (*contrasts, MEAN))
    rows.append(("paper", "fid", *theirs))
    return Table(header=("model", "distance", *contrasts, MEAN), rows=tuple(rows))


def _likeness(cells: Sequence[Cell], models: Sequence[str]) -> Table:
    rows: list[tuple[str, ...]] = []
    for model in models:
        scores = [_score(cells, model, metric) for metric in LIKENESS]
        if not rows:  # the real bounds are of the real slices alone: once
            rows.append(("real pairs", *(number(score.floor.halves) if score else "–" for score in scores)))
            rows.append(("random pairs", *(number(score.floor.people) if score else "–" for score in scores)))
        rows.append((model, *(_with_interval(score) for score in scores)))
    rows += [(f"paper: {name}", *theirs) for name, theirs in PAPER_LIKENESS.items()]
    return Table(header=("between contrasts", *LIKENESS.values()), rows=tuple(rows))


def _words(cells: Sequence[Cell], models: Sequence[str]) -> Table:
    rows: list[tuple[str, ...]] = []
    for model in models:
        scores = [_score(cells, model, metric) for metric in WORDS]
        if not rows:
            rows.append(("real slices", *(number(score.floor.halves) if score else "–" for score in scores)))
        rows.append((model, *(_with_interval(score) for score in scores)))
    return Table(header=("CLIP score", *WORDS.values()), rows=(*rows, ("paper", *PAPER_CLIP)))


def _score(cells: Sequence[Cell], model: str, metric: str) -> Score | None:
    return next(cell.score for cell in cells if (cell.model, cell.metric) == (model, metric))


def _with_floor(score: Score | None) -> str:
    return "–" if score is None else f"{number(score.value)} ({number(score.floor.people)})"


def _with_interval(score: Score | None) -> str:
    if score is None:
        return "–"
    bounds = "" if score.ci95 is None else f" ({number(score.ci95[0])} to {number(score.ci95[1])})"
    return number(score.value) + bounds
