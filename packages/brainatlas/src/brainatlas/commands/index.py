"""A cohort in, what is there and what is wrong with it printed: `brain atlas index`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainatlas import options


def index(
    cohort: Annotated[Path, typer.Argument(help="BIDS folder, or a source that a recipe knows.")],
    participant_label: options.Participants = None,
    session_label: options.Sessions = None,
    sequence: options.Sequences = None,
    recipe: options.Recipe = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Folder (or pattern) of label maps; otherwise the cohort's own.")
    ] = None,
    headers_only: Annotated[
        bool, typer.Option("--headers-only", help="Quick: read no voxels, so that damage in them goes unseen.")
    ] = False,
) -> None:
    """Show what a cohort holds, and what is wrong with it, before anything is made of it.

    Every scan and label map is read whole: truncated or empty files, NaN voxels, series, labels on another grid or of
    another numbering, and one scan under two ids are found here. Nothing is written.

    Example: brain atlas index ixi --sequence T1w
    """
    from brainatlas.cohorts.check import check_cohort
    from brainatlas.cohorts.read import read_cohort
    from brainatlas.cohorts.summary import summarise
    from brainatlas.hdf5.cohort import find_hdf5_cohort
    from brainatlas.hdf5.summary import summarise_hdf5
    from braincaption.errors import PartialFailure

    in_hdf5 = find_hdf5_cohort(cohort, recipe)
    if in_hdf5 is not None:
        told, broken = summarise_hdf5(in_hdf5, headers_only)
        print(told)
        if broken:
            raise PartialFailure(f"{broken} cannot be used (see Problems): repair or remove what is broken")
        return
    chosen = options.selection(participant_label, session_label, sequence)
    found = read_cohort(cohort, selection=chosen, recipe=recipe, labels=labels, read_labels=True)
    ids: tuple[int, ...] | None = None
    if not headers_only:
        found, ids = check_cohort(found)
    print(summarise(found, ids))
    if found.problems:
        broken, usable = len(found.problems), len(found.scans)
        raise PartialFailure(f"{broken} cannot be used (see Problems), {usable} can: repair or remove what is broken")
