"""Slice folders in, `brain eval report`: JSON, Markdown and one HTML page out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from braineval.settings import DEFAULTS, Settings

if TYPE_CHECKING:
    from braineval.report import Section


def report(
    real: Annotated[Path, typer.Argument(help="Slice folder or dataset folder of real slices.")],
    generated: Annotated[list[str], typer.Argument(help="Folders to score, each FOLDER or NAME=FOLDER.")],
    out: Annotated[Path, typer.Option(help="Folder for report.json, report.md and report.html.")],
    metric: Annotated[list[str] | None, typer.Option(help="Only these metrics; may be given again.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of bootstrap, floors and classifiers.")] = DEFAULTS.seed,
    draws: Annotated[int, typer.Option(min=2, help="Bootstrap draws of people behind the intervals.")] = DEFAULTS.draws,
    protocol: Annotated[
        str | None,
        typer.Option(help="paper: also Tables I and II of DALL-E Brain; controllable: also the table of Kim et al."),
    ] = None,
    features: Annotated[Path | None, typer.Option(help="Folder where features are kept between runs.")] = None,
    segmenter: Annotated[
        Path | None, typer.Option(help="Folder by `brain eval train-segmenter`, for what looks for structures.")
    ] = None,
    weights: Annotated[
        list[str] | None, typer.Option(help="Weights of an extractor, such as inception=FILE or clip=FOLDER; repeat.")
    ] = None,
) -> None:
    """Score one or several folders of generated slices, and write JSON, Markdown and one HTML page.

    A folder whose slices have the keys of the real ones is shown as reconstructions. Metrics without a value on these
    slices stand in the report with the reason.

    Example: brain eval report slices small=generated-a large=generated-b --out report
    """
    folders = named(generated)
    from braincaption.errors import UsageError
    from braineval.metrics import scorer
    from braineval.report import build

    if protocol not in (None, "paper", "controllable"):
        raise UsageError(f"--protocol {protocol} is not known: give paper or controllable, or leave it out")

    for name in metric or ():
        scorer(name)
    settings = Settings(
        seed=seed, draws=draws, store=features, segmenter=segmenter, weights_by_name=_weights(weights or [])
    )
    tables = {"paper": _paper, "controllable": _controllable}
    before = [] if protocol is None else [tables[protocol](real, folders, out, settings)]
    print(build(real, folders, out, settings=settings, chosen=metric, before=before))


def _paper(real: Path, folders: dict[str, Path], out: Path, settings: Settings) -> Section:
    from braineval.report.build import is_reconstruction
    from braineval.report.paper import PAPER, paper_rows, paper_section, write_paper
    from braineval.slices import open_slices

    slices = open_slices(real)
    opened = {name: open_slices(folder) for name, folder in folders.items()}
    copies = {name: made for name, made in opened.items() if is_reconstruction(slices, made)}
    drawn = {name: made for name, made in opened.items() if name not in copies}
    rows = paper_rows(slices, copies, drawn, settings)
    write_paper(rows, out / PAPER)
    return paper_section(rows)


def _controllable(real: Path, folders: dict[str, Path], out: Path, settings: Settings) -> Section:
    from braineval.report.controllable import FILE, controllable_cells, controllable_section, write_cells
    from braineval.slices import open_slices

    drawn = {name: open_slices(folder) for name, folder in folders.items()}
    cells = controllable_cells(open_slices(real), drawn, settings)
    write_cells(cells, out / FILE)
    return controllable_section(cells)


def _weights(given: list[str]) -> tuple[tuple[str, Path], ...]:
    from braincaption.errors import UsageError
    from braineval import extractors

    found = []
    for text in given:
        name, equals, place = text.partition("=")
        if not equals or name not in extractors.names():
            raise UsageError(f"--weights {text} is no EXTRACTOR=FILE: extractors are {', '.join(extractors.names())}")
        found.append((name, Path(place)))
    return tuple(found)


def named(given: list[str]) -> dict[str, Path]:
    """Return the folders by name, the folder's own where none is given.

    Raises
    ------
    UsageError
        Two folders of one name.
    """
    from braincaption.errors import UsageError

    found: dict[str, Path] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        path = Path(folder) if equals else Path(text)
        name = name if equals else path.resolve().name
        if name in found:
            raise UsageError(f"two folders are called {name!r}: name them, as in small={path}")
        found[name] = path
    return found
