"""`brain caption dataset`: a captioned OUT as a Hugging Face dataset folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from braincaption.dataset.settings import CONFIGS, DatasetSettings
from braincaption.render.settings import ChoiceSettings, SplitSettings, ViewSettings

CHOICE, VIEW, DATASET = ChoiceSettings(), ViewSettings(), DatasetSettings()


def dataset(
    source: Annotated[Path, typer.Argument(metavar="OUT", help="What tabulate and write wrote.")],
    out: Annotated[Path, typer.Option("--out", metavar="DEST", help="Dataset folder to write.")],
    configs: Annotated[str, typer.Option(help="Which configurations, with commas between.")] = ",".join(CONFIGS),
    plane: Annotated[list[str] | None, typer.Option(help="Of slices: axial (default), coronal, sagittal.")] = None,
    count: Annotated[int, typer.Option(help="How many slices at most.")] = CHOICE.count,
    size: Annotated[int, typer.Option(help="Height and width of slices, pixels.")] = VIEW.size,
    fov: Annotated[float, typer.Option(help="Side of the square shown, mm.")] = VIEW.fov_mm,
    volumes: Annotated[str, typer.Option(help="Of slices: all, native, forward or inverse.")] = CHOICE.volumes,
    least: Annotated[float, typer.Option(help="Skip slices below this share of the fullest.")] = CHOICE.least,
    neurological: Annotated[bool, typer.Option("--neurological", help="Patient's left on the left.")] = False,
    licence: Annotated[str | None, typer.Option(help="Only images under this licence, to publish it apart.")] = None,
    paper_split: Annotated[bool, typer.Option("--paper-split", help="Random split, as the paper's: it leaks.")] = False,
    seed: Annotated[int, typer.Option(help="Decides who is in which split, and which slices are drawn.")] = CHOICE.seed,
) -> None:
    """Write a dataset that `datasets`, pandas, polars and DuckDB open: text, slices with pictures, volumes as NIfTI.

    Splits are by person; ids become pseudonyms under a secret salt kept in OUT; ages of 90 and over become 90. The
    card (README.md) gives licences, columns, figures and pictures; croissant.json describes the shards.

    Example: brain caption dataset captions --out dataset --configs text,slices --count 2000
    """
    from braincaption.dataset.build import build_dataset

    choice = ChoiceSettings(
        planes=tuple(plane or CHOICE.planes),
        count=count,
        volumes=volumes,
        least=least,
        paper_split=paper_split,
        seed=seed,
        splits=SplitSettings(seed=seed),
    )
    names = tuple(name.strip() for name in configs.split(",") if name.strip())
    view = ViewSettings(size=size, fov_mm=fov, neurological=neurological)
    build_dataset(source, out, DatasetSettings(configs=names, licence=licence, choice=choice, view=view))
    print(f"{out} is a dataset: load_dataset({str(out)!r}, {names[0]!r}) opens it", file=sys.stderr)
