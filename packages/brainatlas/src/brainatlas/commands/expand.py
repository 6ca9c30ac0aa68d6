"""An OUT with labels in, the catalog of every scan in every space out: `brain atlas expand`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def expand(
    out: Annotated[Path, typer.Argument(help="OUT of brain atlas register and vote.")],
    pairs: Annotated[
        str, typer.Option("--pairs", help="all: every scan in every space; atlas-cohort: atlas and cohort scans only.")
    ] = "all",
    labels: Annotated[
        str | None, typer.Option("--labels", help="Whose voted labels: majority, jlf … (needed where several voted).")
    ] = None,
) -> None:
    """Write OUT/catalog.parquet: a row for every labelled scan in every scan's space; no volume is written.

    Example: brain atlas expand out --pairs all
    """
    from brainatlas.catalog.expand import WARPS
    from brainatlas.catalog.expand import expand as expand_out
    from brainatlas.register.syn import AFFINE
    from brainatlas.settings import read_settings

    number = expand_out(out, pairs=pairs, labels=labels)
    print(f"{out / 'catalog.parquet'}: {number} volumes")
    if read_settings(out).transform != AFFINE:
        print(f"Matrices are {WARPS}.")
