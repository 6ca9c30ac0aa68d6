"""An OUT in, one page about everything in it out: `brain atlas report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    out: Annotated[Path, typer.Argument(help="OUT of brain atlas register and vote.")],
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Folder with true label maps of the voted scans: adds Dice.")
    ] = None,
    template: Annotated[
        Path | None, typer.Option("--template", help="The file given to register as --template, if one was.")
    ] = None,
    cohort: Annotated[
        list[Path] | None,
        typer.Option("--cohort", help="Folder the scans came from (repeat): masks are then shown on whole heads."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes; 0: one a processor.")] = 0,
) -> None:
    """Write OUT/report.html: masks, registrations, labels, volumes, what was flagged and why; self-contained.

    Example: brain atlas report out --truth oasis-trt/derivatives/labels
    """
    from brainatlas.report import write_report

    print(write_report(out, truth, template, cohort or (), workers))
