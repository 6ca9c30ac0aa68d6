"""Summaries and outcomes in, a picture out: Dice of every scan by combination, as dots beside their mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from brainatlas.validation.table import INFERIOR_VENTRICLES, Summary
from brainatlas.validation.trial import Outcome
from braincaption.atomic import atomic_path


def draw(summaries: Sequence[Summary], outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the plot as SVG; equal numbers give equal bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "brainatlas", "font.size": 9, "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 1.1 + 0.36 * len(summaries)), layout="constrained")
        FigureCanvasSVG(figure)
        axis = figure.add_subplot()
        for place, row in enumerate(reversed(summaries)):
            values = _dice_of_scans(row, outcomes)
            spread = (np.arange(len(values)) % 5 - 2) * 0.07  # so that equal scores stay countable
            axis.scatter(values, place + spread, s=14, color="#0f766e", alpha=0.55, linewidths=0)
            axis.plot([np.mean(values)] * 2, [place - 0.3, place + 0.3], color="#16202c", linewidth=2)
            axis.annotate(f"{np.mean(values):.3f}", (1.01, place), xycoords=("axes fraction", "data"), va="center")
        names = [f"{row.transform} · {row.scheme} · {row.method}" for row in reversed(summaries)]
        axis.set_yticks(range(len(names)), names)
        axis.set_xlabel("Dice, mean over structures; a dot is a held-out scan, the bar their mean")
        axis.grid(axis="x", color="#e3e8ee")
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        with atomic_path(path) as aside:
            figure.savefig(aside, format="svg", metadata={"Date": None})


def _dice_of_scans(row: Summary, outcomes: Sequence[Outcome]) -> list[float]:
    mine = [o for o in outcomes if (o.transform, o.scheme, o.method) == (row.transform, row.scheme, row.method)]
    return [float(np.mean([r.dice for r in o.rows if r.label not in INFERIOR_VENTRICLES] or [0.0])) for o in mine]
