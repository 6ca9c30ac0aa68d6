"""An atlas and cohorts in, what they would cost out: `brain atlas plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainatlas import options


def plan(
    atlas: Annotated[Path, typer.Argument(help="Labelled cohort.")],
    cohorts: Annotated[list[Path], typer.Argument(help="Cohorts to be labelled.")],
    labels: Annotated[Path | None, typer.Option("--labels", help="Folder of the atlas' label maps.")] = None,
    atlas_participant_label: options.AtlasParticipants = None,
    participant_label: options.Participants = None,
    session_label: options.Sessions = None,
    sequence: options.Sequences = None,
    recipe: options.Recipe = None,
) -> None:
    """Say what register, vote and expand would cost, before paying: only headers are read, nothing is written.

    Example: brain atlas plan IBSR OASIS-1 IXI Kirby21
    """
    from brainatlas.catalog.plan import lines
    from brainatlas.catalog.plan import plan as plan_cost
    from brainatlas.cohorts.read import read_cohort, read_cohorts

    known = read_cohort(
        atlas, selection=options.selection(atlas_participant_label), recipe=recipe, labels=labels, read_labels=True
    )
    chosen = options.selection(participant_label, session_label, sequence)
    print("\n".join(lines(plan_cost(known, read_cohorts(cohorts, selection=chosen, recipe=recipe)))))
