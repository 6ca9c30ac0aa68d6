"""`brain caption render`: chosen slices of a captioned catalog as 8-bit pictures, with a table of facts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from braincaption.render.settings import ChoiceSettings, SplitSettings, ViewSettings

CHOICE, VIEW = ChoiceSettings(), ViewSettings()


def render(
    source: Annotated[Path, typer.Argument(metavar="OUT", help="What tabulate and write wrote.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Slice folder to write.")],
    plane: Annotated[
        list[str] | None, typer.Option(help="axial (default), coronal, sagittal; may be repeated.")
    ] = None,
    count: Annotated[int, typer.Option(help="How many slices at most.")] = CHOICE.count,
    size: Annotated[int, typer.Option(help="Height and width, pixels.")] = VIEW.size,
    fov: Annotated[float, typer.Option(help="Side of the square shown, mm.")] = VIEW.fov_mm,
    volumes: Annotated[str, typer.Option(help="all, native (own space), forward or inverse.")] = CHOICE.volumes,
    least: Annotated[float, typer.Option(help="Skip slices below this share of the fullest.")] = CHOICE.least,
    neurological: Annotated[
        bool, typer.Option("--neurological", help="Patient's left on the left.")
    ] = VIEW.neurological,
    seed: Annotated[int, typer.Option(help="Decides which slices are drawn, and who is in which split.")] = CHOICE.seed,
) -> None:
    """Draw slices straight from image volumes, spread evenly over people and sequences.

    Pictures are square, centred on the brain, of one field of view, windowed by percentiles of the whole volume, and
    radiological (patient's left on the right) unless asked otherwise; metadata.parquet says all of it for each.

    Example: brain caption render captions --out slices --plane axial --count 2000 --size 256
    """
    from braincaption.render.folder import counted
    from braincaption.render.folder import render as draw

    choice = ChoiceSettings(
        planes=tuple(plane or CHOICE.planes),
        count=count,
        volumes=volumes,
        least=least,
        seed=seed,
        splits=SplitSettings(seed=seed),
    )
    number = draw(source, out, choice, ViewSettings(size=size, fov_mm=fov, neurological=neurological))
    sides = ", ".join(f"{split} {n}" for split, n in sorted(counted(out).items()))
    print(f"{number} slices in {out} ({sides})", file=sys.stderr)
