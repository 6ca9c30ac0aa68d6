"""Training slices in, the lines that the branch learns each of them under out: kept packed, eight pixels a byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from braincaption.atomic import atomic_folder
from braincaption.errors import UsageError
from braincaption.progress import track
from braincaption.schema import SLICE_KEY
from braincaption.slicefolder import METADATA, read_slices
from brainldm.controllable.canny import canny
from brainldm.controllable.settings import LABELS, ControlSettings
from brainldm.controllable.structure import Lines, label_borders
from brainldm.slices import Slices

_LINES, _MADE = "lines.npy", "made.json"
_CLASSES = b"classes"  # what `brain eval draw-labels` writes into the table of its pictures


def cached_lines(slices: Slices, data: Path, settings: ControlSettings, folder: Path) -> npt.NDArray[np.uint8]:
    """Return the lines of the training slices, packed along the width, from `folder` where they are there.

    Parameters
    ----------
    slices : Slices
    data : Path
        The slice folder they come from; where label maps are the structure, they lie beside it (`label_folder`).
    settings : ControlSettings
    folder : Path

    Raises
    ------
    UsageError
        A slice without label map where label maps are the structure.
    """
    made = {"data": slices.fingerprint, "structure": settings.structure}
    maps: npt.NDArray[np.uint8] | None = None
    if settings.structure == LABELS:
        maps = label_maps(slices.table, data)
        made |= {"labels": hashlib.sha1(maps.tobytes(), usedforsecurity=False).hexdigest()}
    else:
        made |= {"low": str(settings.canny_low), "high": str(settings.canny_high)}
    if not (folder / _MADE).is_file() or json.loads((folder / _MADE).read_text(encoding="utf-8")) != made:
        with atomic_folder(folder) as aside:
            drawn = track(_drawn(slices.pictures, maps, settings), "Drawing lines", len(slices))
            np.save(aside / _LINES, np.stack([np.packbits(lines, axis=-1) for lines in drawn]))
            (aside / _MADE).write_text(json.dumps(made, sort_keys=True) + "\n", encoding="utf-8")
    found: npt.NDArray[np.uint8] = np.load(folder / _LINES, mmap_mode="r")
    return found


def unpacked(packed: npt.NDArray[np.uint8], width: int) -> Lines:
    """Return lines (n, height, width) that `cached_lines` packed."""
    return np.unpackbits(packed, axis=-1, count=width).astype(bool)


def label_folder(data: Path) -> Path:
    """Return where the label maps of a slice folder lie: beside it, ``-labels`` at the end of its name."""
    return data.with_name(f"{data.resolve().name}-labels")


def label_maps(table: pd.DataFrame, data: Path) -> npt.NDArray[np.uint8]:
    """Return the label map of each row of a slice folder's table, shape (n, height, width): numbers of classes.

    Raises
    ------
    UsageError
        `data` has no label maps beside it, or they lack one of the slices.
    """
    folder = label_folder(data)
    how = f"make them with `brain eval draw-labels OUT {data.name} --out {folder.name}`"
    if not (folder / METADATA).is_file():
        raise UsageError(f"the structure is label maps, but {folder} does not exist: {how}")
    if _CLASSES not in (pq.read_schema(folder / METADATA).metadata or {}):
        raise UsageError(f"{folder} holds grey values, wanted label maps: {how}")
    found = read_slices(folder)
    places = {key: i for i, key in enumerate(_keys(found.table))}
    wanted = _keys(table)
    lacking = [key for key in wanted if key not in places]
    if lacking:
        raise UsageError(f"{folder} lacks {len(lacking)} of {len(wanted)} slices, such as {lacking[0]}: {how}")
    return np.stack([found.image(places[key]) for key in wanted])


def other_contrasts(table: pd.DataFrame) -> list[list[int]]:
    """Return for each row of a table of slices the rows of other contrasts of the same person and place.

    Two volumes are of one person and session where their ids are equal but for the contrast.
    """
    places: dict[tuple[str, ...], list[int]] = {}
    keys = [
        (volume.replace(sequence, "*"), plane, index)
        for volume, plane, index, sequence in zip(
            *(table[name].astype(str) for name in (*SLICE_KEY, "sequence")), strict=True
        )
    ]
    for row, key in enumerate(keys):
        places.setdefault(key, []).append(row)
    return [[row for row in places[key] if row != own] for own, key in enumerate(keys)]


def _drawn(
    pictures: npt.NDArray[np.uint8], maps: npt.NDArray[np.uint8] | None, settings: ControlSettings
) -> Iterator[Lines]:
    if maps is not None:
        yield from (label_borders(one) for one in maps)
    else:
        yield from (canny(picture, settings.canny_low, settings.canny_high) for picture in pictures)


def _keys(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].astype(str) for name in SLICE_KEY), strict=True))
