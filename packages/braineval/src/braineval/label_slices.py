"""A slice folder and the OUT of braincaption it was drawn from in, the true labels of each slice, pixel by pixel, out.

The folder that is written looks like the slice folder itself (equal keys, equal size); a pixel holds the number of a
class, 0 for background, and the Parquet file's metadata say which label each class is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from braincaption.errors import UsageError
from braincaption.lut import load_lut
from braincaption.nifti import Volume, load_labels
from braincaption.outfolder import Captioned, open_captioned
from braincaption.progress import track
from braincaption.render.picture import Painter, square
from braincaption.render.settings import ViewSettings
from braincaption.render.view import pixel_grid
from braincaption.slicefolder import METADATA, SliceFolder, read_slices, write_slices
from braineval.slices import Images, Slices, open_slices

ABOUT = "render.json"
CLASSES = "classes"
MOST = 255  # classes that 8-bit pixels can hold beside background


@dataclass(frozen=True, kw_only=True)
class LabelSlices:
    """True labels of slices.

    Attributes
    ----------
    slices : Slices
        Pictures of class numbers.
    labels : tuple of int
        The label that class 1, 2, … stands for.
    """

    slices: Slices
    labels: tuple[int, ...]


def open_labels(folder: Path) -> LabelSlices:
    """Open what `draw_labels` wrote.

    Raises
    ------
    UsageError
        The folder is no slice folder, or holds grey values instead of classes.
    """
    slices = open_slices(folder)
    path = folder / METADATA
    about = (pq.read_schema(path).metadata or {}) if path.is_file() else {}
    if CLASSES.encode() not in about:
        raise UsageError(
            f"{folder} holds grey values, wanted classes of true labels: make it with `brain eval draw-labels OUT "
            f"{folder} --out DIR`"
        )
    return LabelSlices(slices=slices, labels=tuple(json.loads(about[CLASSES.encode()])))


def draw_labels(captioned: Path, slices: Path, out: Path) -> int:
    """Write the label slices of slice folder `slices` to `out`; return how many.

    Parameters
    ----------
    captioned : Path
        What `brain caption tabulate` wrote, and `slices` was rendered from.

    Raises
    ------
    UsageError
        `slices` was not drawn by `brain caption render`, or from another OUT.
    """
    folder, source = read_slices(slices), open_captioned(captioned)
    view = _view(slices)
    foreign = sorted(set(folder.table["volume_id"]) - set(source.volumes))
    if foreign:
        raise UsageError(
            f"{slices} holds volumes that {captioned} lacks, such as {foreign[0]}: give the OUT it was drawn from"
        )
    counted = _counted(source)
    labels = tuple(sorted(counted, key=lambda one: (-counted[one], one))[:MOST])
    labels = tuple(sorted(labels))
    pictures = _pictures(folder, source, view, labels, set(counted))
    return write_slices(
        out, track(pictures, "Drawing labels", len(folder)), about={CLASSES: json.dumps([int(one) for one in labels])}
    )


def _view(slices: Path) -> ViewSettings:
    path = slices / ABOUT
    if not path.is_file():
        raise UsageError(f"{slices} has no {ABOUT}: give a folder that `brain caption render` wrote")
    return ViewSettings(**json.loads(path.read_text(encoding="utf-8"))["view"])


def _counted(source: Captioned) -> dict[int, int]:
    """Return on how many slices each label of the slice table occurs."""
    seen: dict[int, int] = {}
    for table in source.tables(["structures"]):
        found = table["structures"].combine_chunks().flatten().field("label").value_counts()
        for one in found.to_pylist():
            seen[one["values"]] = seen.get(one["values"], 0) + one["counts"]
    return seen


def _pictures(
    folder: SliceFolder, source: Captioned, view: ViewSettings, labels: tuple[int, ...], counted: set[int]
) -> Iterator[tuple[dict[str, Any], Callable[[], Images]]]:
    painter = Painter(source, view)
    to_class = _classes(labels, counted)
    table = folder.table.drop(columns="file_name")
    for volume_id, rows in table.groupby("volume_id", sort=False):
        volume = source.volumes[str(volume_id)]
        truth = load_labels(source.catalog.path(volume["label_path"]))
        for row in rows.to_dict("records"):
            facts = {str(name): None if pd.isna(value) else value for name, value in row.items()}
            yield facts, partial(_draw, painter, truth, to_class, facts)


def _classes(labels: tuple[int, ...], counted: set[int]) -> npt.NDArray[np.uint8]:
    """Return the class of every label, shape (65536,); parcels that were merged before counting are merged here too."""
    to_class = np.zeros(65536, dtype=np.uint8)
    to_class[list(labels)] = np.arange(1, len(labels) + 1)
    for parcel, whole in load_lut("freesurfer").merging().items():
        if parcel not in counted and whole in counted:
            to_class[parcel] = to_class[whole]
    return to_class


def _draw(painter: Painter, truth: Volume, to_class: npt.NDArray[np.uint8], facts: dict[str, Any]) -> Images:
    row = painter.captioned.volumes[facts["volume_id"]]
    space = square(row["space_affine"])
    grid = pixel_grid(space, facts["plane"], int(facts["index"]), painter.centre(facts["volume_id"]), painter.view)
    inside = grid.mapped(np.linalg.inv(truth.affine) @ square(row["matrix"]))
    down, across = np.mgrid[: painter.view.size, : painter.view.size]
    places = inside.start + down[..., None] * inside.down + across[..., None] * inside.across  # (size, size, 3)
    nearest = np.floor(places + 0.5).astype(np.int64)
    shape = np.array(truth.data.shape)
    known = ((nearest >= 0) & (nearest < shape)).all(axis=-1)
    i, j, k = nearest.clip(0, shape - 1)[known].T
    picture = np.zeros(known.shape, dtype=np.uint8)
    picture[known] = to_class[np.asarray(truth.data)[i, j, k]]
    return picture
