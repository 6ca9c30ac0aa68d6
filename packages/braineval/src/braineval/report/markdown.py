"""Outcomes in, the score table as Markdown out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from braineval.report.outcome import Outcome
from braineval.score import Score

HEADER = "| metric | of | value | 95 % | real: halves | real: people | n real, generated | people | extractor |"


def markdown(title: str, results: Sequence[Outcome]) -> str:
    """Return the table, then what is not defined and why."""
    lines = [f"# {title}", "", HEADER, "|" + " --- |" * (HEADER.count("|") - 1)]
    lines += [_row(result.model, result.score) for result in results if result.score is not None]
    missing = [result for result in results if result.score is None]
    if missing:
        lines += ["", "Not defined here:", ""]
        lines += [
            f"- {_cell(result.metric)} ({_cell(result.model)}), because {_cell(result.reason)}" for result in missing
        ]
    return "\n".join(lines) + "\n"


def _row(model: str, score: Score) -> str:
    interval = "–" if score.ci95 is None else f"{score.ci95[0]:.4g} to {score.ci95[1]:.4g}"
    cells = (
        score.metric,
        model,
        f"{score.value:.4g}",
        interval,
        number(score.floor.halves),
        number(score.floor.people),
        f"{score.n_real}, {score.n_generated}",
        f"{score.people_real}, {score.people_generated}",
        score.extractor or "–",
    )
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def number(value: float | None) -> str:
    """Return a number with four digits, or a dash."""
    return "–" if value is None or math.isnan(value) else f"{value:.4g}"


def _cell(text: str) -> str:
    # A folder's name may hold anything: neither table nor HTML may be broken by it.
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return " ".join(escaped.split())
