"""Shards of configuration ``slices`` in, one picture for the card out: a sheet of slices, a row for each sequence."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from braincaption.extras import require
from braincaption.slicefolder import encode_png

_PER_ROW = 6
_GAP = 4
_TILE = 192


def contact_sheet(folder: Path) -> tuple[bytes, list[str]] | None:
    """Return a PNG and the sequence of each of its rows; None where there is no such configuration.

    Every sequence gets a row of slices spread over the first shard of the training split, each from another person
    as far as there are enough.
    """
    shards = sorted(
        folder.glob("*-00000-of-*.parquet"), key=lambda path: (not path.name.startswith("train"), path.name)
    )
    if not shards:
        return None
    by_sequence = _pick(shards[0])
    rows = [[_tile(png) for png in pngs] for _, pngs in sorted(by_sequence.items())]
    sheet = np.full((len(rows) * (_TILE + _GAP) - _GAP, _PER_ROW * (_TILE + _GAP) - _GAP), 255, dtype=np.uint8)
    for r, row in enumerate(rows):
        for c, tile in enumerate(row):
            top, left = r * (_TILE + _GAP), c * (_TILE + _GAP)
            sheet[top : top + _TILE, left : left + _TILE] = tile
    return encode_png(sheet), sorted(by_sequence)


def _pick(shard: Path) -> dict[str, list[bytes]]:
    """Return the pictures of each sequence: people in turn, what shows most structures first."""
    table = pq.read_table(shard, columns=["sequence", "image_subject", "structures"], partitioning=None)
    stacks: dict[tuple[str, str], list[tuple[int, float, int]]] = {}
    for i, row in enumerate(table.to_pylist()):
        shown = sum(item["volume_mm3"] for item in row["structures"])
        stack = stacks.setdefault((row["sequence"], row["image_subject"]), [])
        stack.append((-len(row["structures"]), -shown, i))
    turns: dict[str, list[tuple[int, str, int]]] = {}
    for (sequence, person), stack in stacks.items():
        turns.setdefault(sequence, []).extend((turn, person, i) for turn, (_, _, i) in enumerate(sorted(stack)))
    images = pq.read_table(shard, columns=["image"], partitioning=None)["image"]
    chosen = {sequence: [i for _, _, i in sorted(found)[:_PER_ROW]] for sequence, found in turns.items()}
    return {sequence: [images[i].as_py()["bytes"] for i in rows] for sequence, rows in chosen.items()}


def _tile(png: bytes) -> Any:
    image = require("PIL.Image", "images")
    with image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.resize((_TILE, _TILE), image.Resampling.BICUBIC))
