"""Rows of a catalog in, NIfTI files out: `brain atlas materialize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def materialize(
    out: Annotated[Path, typer.Argument(help="OUT with a catalog.parquet.")],
    dest: Annotated[Path, typer.Option("--out", help="Folder for the volumes.")],
    volume: Annotated[
        list[str] | None, typer.Option("--volume", help="volume_id of a row (repeat); otherwise all rows.")
    ] = None,
) -> None:
    """Write rows of the catalog as NIfTI: the scan (trilinear) and its labels (nearest), each resampled once.

    Example: brain atlas materialize out --volume oasistrt_sub-01_T1w@ixi_sub-012_T1w --out volumes
    """
    from brainatlas.catalog.materialize import materialize as materialize_out

    print(f"{dest}: {materialize_out(out, dest, volume or ())} volumes written")
