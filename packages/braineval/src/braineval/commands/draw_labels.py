"""`brain eval draw-labels`: the true labels of a slice folder, pixel by pixel, for the segmenter to learn from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def draw_labels(
    captioned: Annotated[Path, typer.Argument(metavar="OUT", help="What `brain caption tabulate` wrote.")],
    slices: Annotated[Path, typer.Argument(help="Slice folder that `brain caption render` drew from it.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of label slices to write.")],
) -> None:
    """Draw the true labels of every slice of a folder on the same pixels.

    Example: brain eval draw-labels captions slices --out slices-labels
    """
    from braineval.label_slices import draw_labels as draw

    print(f"{draw(captioned, slices, out)} label slices in {out}", file=sys.stderr)
