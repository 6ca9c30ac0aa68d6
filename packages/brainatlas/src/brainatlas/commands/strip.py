"""A cohort in, its scans without skull out: `brain atlas strip`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainatlas import options


def strip(
    cohort: Annotated[Path, typer.Argument(help="BIDS folder, or a source that a recipe knows.")],
    out: options.Out,
    method: options.Method = "deepbet",
    force: Annotated[bool, typer.Option("--force", help="Strip again what is done or came stripped.")] = False,
    masks: options.Masks = None,
    command: options.Command = None,
    atlas: Annotated[
        Path | None, typer.Option("--atlas", help="For template: whole heads with brain masks or label maps.")
    ] = None,
    n4: options.N4 = False,
    participant_label: options.Participants = None,
    session_label: options.Sessions = None,
    sequence: options.Sequences = None,
    recipe: options.Recipe = None,
    plugin: options.Plugin = "MultiProc",
    plugin_args: options.PluginArgs = None,
    workers: options.Workers = 0,
) -> None:
    """Remove the skull: a mask, the stripped scan, its volume, and a flag where that is implausible.

    Scans that came stripped pass through unchanged.

    Example: brain atlas strip ixi --out out --method deepbet
    """
    from brainatlas.cohorts.read import read_cohort
    from brainatlas.strip.run import strip_cohort

    run = options.run_settings(plugin, plugin_args, workers)
    heads = read_cohort(atlas, read_labels=True).scans if atlas else None
    settings = options.strip_settings(method, masks, command, heads=heads, n4=n4, force=force)
    chosen = options.selection(participant_label, session_label, sequence)
    strip_cohort(read_cohort(cohort, selection=chosen, recipe=recipe), out, settings=settings, run=run)
