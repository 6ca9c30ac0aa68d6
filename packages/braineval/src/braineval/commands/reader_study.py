"""`brain eval reader-study`: a page on loopback where people tell real slices from synthetic ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

PORT = 7861


def reader_study(
    real: Annotated[Path, typer.Argument(help="Slice folder or dataset folder of real slices.")],
    generated: Annotated[Path, typer.Argument(help="Slice folder of generated slices.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of answers and results; the same one goes on.")],
    questions: Annotated[int, typer.Option(min=0, help="Forced choices between a real and a synthetic slice.")] = 20,
    singles: Annotated[int, typer.Option(min=0, help="Single slices: real or synthetic, then quality 0 to 5.")] = 20,
    minutes: Annotated[float, typer.Option(min=0.1, help="Time limit of each part.")] = 30.0,
    scale: Annotated[Path | None, typer.Option(help="TOML file of a graded scale, see docs/eval.md.")] = None,
    graded: Annotated[int, typer.Option(min=1, help="Slices to grade, with --scale.")] = 20,
    port: Annotated[int, typer.Option(help="Port on this machine alone.")] = PORT,
    seed: Annotated[int, typer.Option(help="Decides which slices are shown.")] = 0,
) -> None:
    """Ask readers, on a page on this machine, which slices are real; answers and results go to Parquet.

    Every reader gets the same slices in another order. OUT/results.parquet holds accuracy, quality, agreement between
    readers and F1 of grades, each with its interval; it is written when a reader is done and when the page is stopped.

    Example: brain eval reader-study slices generated --out study
    """
    from braineval.reader.page import LOOPBACK, serve
    from braineval.reader.plan import StudySettings
    from braineval.reader.scale import load_scale
    from braineval.reader.study import Study
    from braineval.slices import open_slices

    settings = StudySettings(singles=singles, pairs=questions, graded=graded, minutes=minutes, seed=seed)
    study = Study(
        open_slices(real), open_slices(generated), out, settings, load_scale(scale) if scale is not None else None
    )
    print(f"Open http://{LOOPBACK}:{port}/?reader=NAME; stop with Ctrl-C.", file=sys.stderr)
    try:
        serve(study, port)
    finally:
        print(f"Results in {study.write_results()}", file=sys.stderr)
