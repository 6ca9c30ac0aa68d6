"""A labelled cohort in, how well its people label each other out: `brain atlas validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainatlas import options


def validate(
    atlas: Annotated[Path, typer.Argument(help="Labelled cohort.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for tables and plot; runs add to it.")],
    folds: Annotated[int | None, typer.Option("--folds", help="Folds of people; otherwise each person is one.")] = None,
    scheme: Annotated[list[str] | None, typer.Option("--scheme", help="template (default), pairwise; repeat.")] = None,
    transform: Annotated[
        list[str] | None, typer.Option("--transform", help="affine (default), syn, syn-1mm …; repeat.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="A fuser, or ants-jlf to compare with (repeat); otherwise ours."),
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Merge cortical parcels 1000–2999 into 3 and 42.")] = False,
    renumber: Annotated[
        list[str] | None, typer.Option("--renumber", help="OLD=NEW: call a label otherwise, as 6=8; repeat.")
    ] = None,
    structures: Annotated[
        str | None, typer.Option("--structures", help="Labels to score, such as '10 11 12', or ibsr; otherwise all.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Folder of the atlas' label maps; otherwise ATLAS/derivatives.")
    ] = None,
    atlas_participant_label: options.AtlasParticipants = None,
    participant_label: Annotated[
        list[str] | None,
        typer.Option("--participant-label", help="Hold out only these people (the others still vote); repeat."),
    ] = None,
    sequence: options.Sequences = None,
    recipe: options.Recipe = None,
    workers: options.Workers = 0,
) -> None:
    """Label every person of an atlas by the others, and compare with their true labels: which fuser is how good.

    Writes Dice, volume error and surface distances of every structure as table (TSV, JSON, Markdown) and plot.

    Example: brain atlas validate oasis-trt --out validation --method majority --method jlf
    """
    from brainatlas.cohorts.read import read_cohort
    from brainatlas.fusion.methods import fuser_names
    from brainatlas.register.syn import AFFINE
    from brainatlas.settings import SCHEMES
    from brainatlas.validation.run import ValidationSettings
    from brainatlas.validation.run import validate as validate_atlas
    from brainatlas.validation.trial import Numbering
    from brainatlas.validation.words import read_renumbering, read_structures

    settings = ValidationSettings(
        folds=folds,
        schemes=tuple(scheme or SCHEMES[:1]),
        transforms=tuple(transform or (AFFINE,)),
        methods=tuple(method or fuser_names()),
        numbering=Numbering(
            merge=merge, renumber=read_renumbering(renumber or []), structures=read_structures(structures)
        ),
        held_out=options.selection(participant_label).participants,
        workers=workers,
    )
    chosen = options.selection(atlas_participant_label, None, sequence)
    cohort = read_cohort(atlas, selection=chosen, recipe=recipe, labels=labels, read_labels=True)
    for row in validate_atlas(cohort, out, settings):
        print(f"{row.transform} {row.scheme} {row.method}: Dice {row.dice or 0:.3f} over {row.scans} scans")
    print(out / "validation.md")
