"""An atlas and cohorts in, every scan stripped and registered out: `brain atlas register`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainatlas import options


def register(
    atlas: Annotated[Path, typer.Argument(help="Labelled cohort.")],
    cohorts: Annotated[list[Path], typer.Argument(help="Cohorts to be labelled; their own labels are never read.")],
    out: options.Out,
    scheme: Annotated[
        str, typer.Option("--scheme", help="template: one registration a scan; pairwise: one for every pair.")
    ] = "template",
    template: Annotated[
        Path | None, typer.Option("--template", help="Skull-stripped brain; otherwise nilearn's ICBM152 T1w.")
    ] = None,
    transform: Annotated[
        str, typer.Option("--transform", help="affine, or syn (syn-1mm: at 1 mm): a warp on top, for better labels.")
    ] = "affine",
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Folder of the atlas' label maps; otherwise ATLAS/derivatives.")
    ] = None,
    atlas_participant_label: options.AtlasParticipants = None,
    participant_label: options.Participants = None,
    session_label: options.Sessions = None,
    sequence: options.Sequences = None,
    recipe: options.Recipe = None,
    method: options.Method = "deepbet",
    masks: options.Masks = None,
    command: options.Command = None,
    n4: options.N4 = False,
    plugin: options.Plugin = "MultiProc",
    plugin_args: options.PluginArgs = None,
    workers: options.Workers = 0,
) -> None:
    """Register every scan of ATLAS and of the cohorts; one affine serves both directions.

    Scans without a mask in OUT are stripped first. Another cohort can be added later with the same command.

    Example: brain atlas register oasis-trt ixi --out out --atlas-participant-label "trt01 trt02"
    """
    from brainatlas.cohorts.read import read_cohort, read_cohorts
    from brainatlas.register.run import RegisterSettings, register_cohorts

    run = options.run_settings(plugin, plugin_args, workers)
    known = read_cohort(
        atlas, selection=options.selection(atlas_participant_label), recipe=recipe, labels=labels, read_labels=True
    )
    strip = options.strip_settings(method, masks, command, heads=known.scans, n4=n4)
    chosen = options.selection(participant_label, session_label, sequence)
    others = read_cohorts(cohorts, selection=chosen, recipe=recipe)
    settings = RegisterSettings(scheme=scheme, transform=transform, template=template.absolute() if template else None)
    register_cohorts(known, others, out, settings=settings, strip=strip, run=run)
