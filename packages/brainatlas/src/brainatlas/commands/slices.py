"""A cohort of HDF5 files in, a slice folder out: `brain atlas slices`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from brainatlas import options
from braincaption.render.settings import ViewSettings

VIEW = ViewSettings()


def slices(
    cohort: Annotated[Path, typer.Argument(help="Folder of a source in HDF5: fastMRI brain, M4Raw.")],
    out: Annotated[Path, typer.Option("--out", help="Slice folder to write.")],
    recipe: options.Recipe = None,
    size: Annotated[int, typer.Option("--size", help="Height and width, pixels.")] = VIEW.size,
    fov: Annotated[float, typer.Option("--fov", help="Side of the square shown, mm.")] = VIEW.fov_mm,
    least: Annotated[float, typer.Option("--least", help="Skip slices below this share of the fullest.")] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Decides who is in which split.")] = 0,
) -> None:
    """Make slices of scans that are kept as HDF5, with contrast and field strength, people kept apart.

    k-space is reconstructed (root of the sum of squares over coils) and repetitions are averaged, as the recipe says.
    Pictures lie as they are stored, of one pixel size, windowed by the whole volume.

    Example: brain atlas slices m4raw --out slices --size 256
    """
    from brainatlas.hdf5.cohort import find_hdf5_cohort
    from brainatlas.hdf5.slices import write_hdf5_slices
    from braincaption.errors import UsageError

    found = find_hdf5_cohort(cohort, recipe)
    if found is None:
        raise UsageError(
            f"{cohort} holds no scan in HDF5 that a recipe knows: of NIfTI scans make slices with `brain caption "
            "tabulate` and `brain caption render`; for other HDF5 files write a recipe (docs/cohorts.md)"
        )
    for who, what in found.notes:
        print(f"{who}: {what}", file=sys.stderr)
    count = write_hdf5_slices(found, out, ViewSettings(size=size, fov_mm=fov), least, seed)
    print(f"{count} slices in {out}", file=sys.stderr)
