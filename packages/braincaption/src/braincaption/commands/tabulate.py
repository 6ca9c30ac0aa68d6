"""`brain caption tabulate`: a catalog, a BIDS folder or label files in, the slice table out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def tabulate(
    source: Annotated[
        Path, typer.Argument(help="catalog.parquet of brainatlas, a BIDS or derivatives folder, or a label map.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the tables.")],
    lut: Annotated[
        str | None,
        typer.Option("--lut", help="freesurfer, ibsr, muse, or a table (dseg.tsv, CSV, TSV, ITK-SNAP)."),
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Count cortical parcels as one cortex a side.")] = False,
    all_slices: Annotated[bool, typer.Option("--all-slices", help="Keep slices without any label too.")] = False,
    shard: Annotated[str | None, typer.Option("--shard", help="Make part I of N only, for job arrays: 0/8.")] = None,
    part_size: Annotated[int, typer.Option("--part-size", min=1, help="Volumes a Parquet part.")] = 512,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Local processes; 0: one a core.")] = 0,
    scheduler: Annotated[str | None, typer.Option("--scheduler", help="Address of a Dask scheduler.")] = None,
    participant_label: Annotated[
        list[str] | None, typer.Option("--participant-label", help="Only these participants (repeatable).")
    ] = None,
    session_label: Annotated[
        list[str] | None, typer.Option("--session-label", help="Only these sessions (repeatable).")
    ] = None,
    sequence: Annotated[
        list[str] | None, typer.Option("--sequence", help="Only these sequences, such as T1w (repeatable).")
    ] = None,
) -> None:
    """Count every structure on every axial, coronal and sagittal slice.

    Rows of a catalog are resampled on the fly, nothing is written but the tables. The same command again makes only
    the parts that are missing.

    Example: brain caption tabulate work/atlas/catalog.parquet --out work/captions --merge
    """
    import sys

    from braincaption.engine import Workers
    from braincaption.lut import with_cortex
    from braincaption.lut_choice import choose_lut
    from braincaption.parts import parse_shard
    from braincaption.sources import Selection, open_source
    from braincaption.tabulate import TabulateSettings
    from braincaption.tabulate import tabulate as run

    part = parse_shard(shard) if shard else None
    selection = Selection(
        participants=tuple(participant_label or ()),
        sessions=tuple(session_label or ()),
        sequences=tuple(sequence or ()),
    )
    opened = open_source(source, selection)
    names, note = choose_lut(lut, opened.catalog)
    if note:
        print(note, file=sys.stderr)
    report = run(
        opened,
        out,
        with_cortex(names) if merge else names,
        settings=TabulateSettings(merge=merge, all_slices=all_slices, part_size=part_size),
        workers=Workers(count=workers, scheduler=scheduler),
        shard=part,
    )
    print(f"{report.rows} slices of {report.volumes} volumes written to {out / 'slices'}")
    if report.unknown:
        listed = ", ".join(f"{label} ({voxels} voxels)" for label, voxels in report.unknown.items())
        print(f"Labels without a name, called 'unknown structure N': {listed}. Name them with --lut FILE.")
