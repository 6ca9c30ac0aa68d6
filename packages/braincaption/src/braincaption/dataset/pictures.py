"""Chosen slices in, shards of configuration ``slices`` out: each PNG beside its caption and facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from braincaption.dataset.columns import PICTURES
from braincaption.dataset.facts import Facts
from braincaption.dataset.shards import Shards
from braincaption.errors import UsageError
from braincaption.outfolder import Captioned
from braincaption.progress import track
from braincaption.render.choose import choose_slices, fetch
from braincaption.render.picture import Painter
from braincaption.render.settings import ChoiceSettings, ViewSettings
from braincaption.schema import SLICE_KEY, SLICES
from braincaption.slicefolder import encode_png, file_name

GROUP_ROWS = 100


def write_pictures(
    captioned: Captioned,
    facts: Facts,
    keep: Callable[[pa.Table], pa.Table],
    choice: ChoiceSettings,
    view: ViewSettings,
    shards: Shards,
    failed: Callable[[str, str], None],
) -> None:
    """Draw the slices of `choice` and write them in the order of their pseudonyms.

    Raises
    ------
    UsageError
        No slice fits the choice.
    """
    chosen = keep(fetch_all(captioned, choose_slices(captioned, choice)))
    if chosen.num_rows == 0:
        raise UsageError("no slice is left to draw: ask for another plane, other --volumes or another --licence")
    published = facts.publishable(chosen)
    order = pc.sort_indices(published, [(name, "ascending") for name in SLICE_KEY])
    painter = Painter(captioned, view)
    rows = _rows(painter, chosen.take(order), published.take(order), failed)
    waiting: dict[str, list[dict[str, Any]]] = {}
    for row in track(rows, "Drawing slices", chosen.num_rows):
        group = waiting.setdefault(row["split"], [])
        group.append(row)
        if len(group) == GROUP_ROWS:
            shards.append(row["split"], pa.Table.from_pylist(waiting.pop(row["split"]), schema=PICTURES))
    for split, group in waiting.items():
        shards.append(split, pa.Table.from_pylist(group, schema=PICTURES))


def fetch_all(captioned: Captioned, chosen: pa.Table) -> pa.Table:
    """Return every column of the slice table for the chosen rows, with their split and caption."""
    table = fetch(captioned, chosen, [*SLICES.names, "caption"])
    return table.append_column("split", chosen["split"])


def _rows(
    painter: Painter, chosen: pa.Table, published: pa.Table, failed: Callable[[str, str], None]
) -> Iterator[dict[str, Any]]:
    public = {_key(source): row for source, row in zip(chosen.to_pylist(), published.to_pylist(), strict=True)}
    for shown, paint in painter.pictures(chosen, failed):
        row = public[_key(shown)]
        name = file_name(row)
        png = {"bytes": encode_png(paint()), "path": name.rpartition("/")[2]}
        yield {**shown, **row, "person": row["image_subject"], "file_name": name, "image": png}


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in SLICE_KEY)
