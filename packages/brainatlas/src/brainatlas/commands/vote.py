"""An OUT with registered scans in, labels for its cohorts out: `brain atlas vote`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainatlas import options


def vote(
    out: Annotated[Path, typer.Argument(help="OUT of brain atlas register.")],
    method: Annotated[
        str | None, typer.Option("--method", help="majority, soft, weighted, jlf or staple; otherwise the default.")
    ] = None,
    plugin: options.Plugin = "MultiProc",
    plugin_args: options.PluginArgs = None,
    workers: options.Workers = 0,
) -> None:
    """Label every scan that brought no labels by letting the atlas scans vote; with a confidence map.

    Example: brain atlas vote out --method majority
    """
    from brainatlas.fusion.methods import DEFAULT
    from brainatlas.fusion.run import vote as vote_out

    vote_out(out, method or DEFAULT, options.run_settings(plugin, plugin_args, workers))
