"""Facts, scores and sections in, one self-contained HTML page out; every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from braineval import __version__
from braineval.report.markdown import number
from braineval.report.outcome import Outcome
from braineval.report.parts import Fact, Section
from braineval.report.sections import explanation
from braineval.report.strip import strip

DIRECTIONS = {True: "↑ higher is better", False: "↓ lower is better", None: ""}


def page(
    title: str,
    intro: str,
    facts: Sequence[Fact],
    before: Sequence[Section],
    results: Sequence[Outcome],
    after: Sequence[Section],
) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment.get_template("page.html").render(
        title=title,
        intro=intro,
        facts=facts,
        before=before,
        models=list(dict.fromkeys(result.model for result in results)),
        rows=_rows(results),
        after=after,
        version=__version__,
    )


def _rows(results: Sequence[Outcome]) -> list[dict[str, object]]:
    """Return one row a metric that has a value for some model, with a cell for each model."""
    rows: list[dict[str, object]] = []
    for metric in dict.fromkeys(result.metric for result in results):
        cells = [result for result in results if result.metric == metric]
        scored = [result.score for result in cells if result.score is not None]
        if scored:
            rows.append(
                {
                    "name": scored[0].metric,
                    "explanation": explanation(metric),
                    "direction": DIRECTIONS[scored[0].higher_is_better],
                    "cells": [(cell.score, strip(cell.score) if cell.score is not None else "") for cell in cells],
                }
            )
    return rows
