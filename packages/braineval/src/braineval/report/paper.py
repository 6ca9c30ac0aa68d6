"""Real, reconstructed and generated slices in, Tables I and II of the DALL-E Brain paper out, beside its own figures.

Table I: MS-SSIM of reconstructions of 10,000 training and 10,000 test slices. Table II: FID of 1,000 slices drawn from
the prompts of training and validation people, and of 1,000 from those of test people, against 10,000 real ones. The
built-in Fréchet distance stands under each FID, so that there is a number where the Inception weights are absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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

PAPER = "paper.json"
SLICES, DRAWN = 10_000, 1_000
SIDES = {"train": ("train",), "test": ("test",), "train and validation": ("train", "validation")}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One cell of a table: what was asked, what came out or why nothing did, and what the paper printed."""

    table: str
    model: str
    side: str
    metric: str
    wanted: tuple[int, int]
    paper: float | None
    score: Score | None
    reason: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the row as it stands in the JSON."""
        kept = {name: getattr(self, name) for name in ("table", "model", "side", "metric", "wanted", "paper", "reason")}
        return kept | {"score": None if self.score is None else self.score.as_dict()}


def paper_rows(
    real: Slices, reconstructed: Mapping[str, Slices], generated: Mapping[str, Slices], settings: Settings
) -> list[Row]:
    """Return the rows of both tables, as far as there are slices; counts that fall short of the paper's stand in them.

    Parameters
    ----------
    real : Slices
        With splits.
    reconstructed : mapping
        Model → slices with the keys of real ones (Table I).
    generated : mapping
        Model → slices whose split is that of their prompts (Table II).
    settings : Settings
    """
    rows = []
    for name, made in reconstructed.items():
        rows += [
            _row("I", name, side, "ms-ssim", (SLICES, SLICES), paper, real, made, settings)
            for side, paper in (("train", 0.984), ("test", 0.977))
        ]
    for name, made in generated.items():
        for side, paper in (("train and validation", 16.9), ("test", 17.9)):
            rows.append(_row("II", name, side, "fid", (SLICES, DRAWN), paper, real, made, settings))
            rows.append(_row("II", name, side, "frechet", (SLICES, DRAWN), None, real, made, settings))
    return rows


def write_paper(rows: list[Row], path: Path) -> None:
    """Write the rows as JSON."""
    with atomic_path(path) as aside:
        text = json.dumps([row.as_dict() for row in rows], indent=2, ensure_ascii=False, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")


def paper_section(rows: list[Row]) -> Section:
    """Return both tables as a section of the page, and why cells are empty."""
    header = (
        "table",
        "model",
        "side",
        "metric",
        "value",
        "95 %",
        "real: halves",
        "real: people",
        "real",
        "drawn",
        "paper",
    )
    tables = [Table(header=header, rows=tuple(_cells(row) for row in rows))]
    empty = tuple((row.table, row.model, row.side, row.metric, row.reason) for row in rows if row.score is None)
    if empty:
        tables.append(Table(header=(*header[:4], "not defined, because"), rows=empty))
    return Section(
        title="Tables I and II",
        lead=(
            f"The paper's protocol: reconstructions of {SLICES:,} training and test slices; {DRAWN:,} slices drawn "
            f"from prompts of either side against {SLICES:,} real ones. Its own figures are of other data: a landmark."
        ),
        tables=tuple(tables),
    )


def _row(
    table: str,
    model: str,
    side: str,
    metric: str,
    wanted: tuple[int, int],
    paper: float | None,
    real: Slices,
    made: Slices,
    settings: Settings,
) -> Row:
    score, reason = None, ""
    try:
        # Reconstructions bear the real slice's split, or none; the key pairs them with it either way.
        sides = (
            _of_side(real, side, wanted[0], settings),
            made if table == "I" else _of_side(made, side, wanted[1], settings),
        )
        score = metrics.scorer(metric)(*sides, settings)
    except BrainError as error:
        reason = str(error)
    return Row(
        table=table,
        model=model,
        side=side,
        metric=metric if score is None else score.metric,
        wanted=wanted,
        paper=paper,
        score=score,
        reason=reason,
    )


def _of_side(slices: Slices, side: str, most: int, settings: Settings) -> Slices:
    members = np.flatnonzero(np.isin(slices.column("split").astype(str), SIDES[side]))
    if not len(members):
        raise BrainError(f"{slices.name} holds no slice of split {side}: render or generate some")
    chosen = np.random.default_rng(settings.seed).permutation(members)[:most]
    return slices.select(np.sort(chosen))


def _cells(row: Row) -> tuple[str, ...]:
    found = row.score
    if found is None:
        numbers = ["not defined", *["–"] * 5]
    else:
        interval = "–" if found.ci95 is None else f"{number(found.ci95[0])} to {number(found.ci95[1])}"
        counts = zip((found.n_real, found.n_generated), row.wanted, strict=True)
        shown = [f"{count:,}" if count == wanted else f"{count:,} of {wanted:,}" for count, wanted in counts]
        numbers = [number(found.value), interval, number(found.floor.halves), number(found.floor.people), *shown]
    return (row.table, row.model, row.side, row.metric, *numbers, number(row.paper))
