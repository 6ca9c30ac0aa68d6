"""The tables of an OUT in, one CSV file out: a row a slice, a column in mm³ for each structure that occurs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from braincaption.atomic import atomic_path
from braincaption.captions import caption_error
from braincaption.lut import load_lut
from braincaption.parts import CAPTIONS_FOLDER, SLICES_FOLDER, list_parts
from braincaption.progress import track
from braincaption.schema import SLICES

_FACTS = [field.name for field in SLICES if field.name != "structures"]


def export_csv(out: Path, file: Path) -> int:
    """Write `file`; return its rows.

    Parameters
    ----------
    out : Path
        An OUT of `braincaption.tabulate.tabulate`; captions are added where they have been written.
    file : Path
        Columns are those of the slice table (lists joined with spaces), ``caption``, and ``<label> <name> (mm3)``;
        a structure that a slice does not show has an empty cell.

    Raises
    ------
    UsageError
        `out` has no finished slice table.
    BrainError
        Captions and slices do not go together.
    """
    slices = list_parts(out / SLICES_FOLDER)
    captions = list_parts(out / CAPTIONS_FOLDER) if (out / CAPTIONS_FOLDER).exists() else []
    if captions and len(captions) != len(slices):
        raise caption_error(len(captions), len(slices))
    labels = _labels(slices)
    lut = load_lut(out / "lut.tsv")
    names = [f"{label} {lut.phrase(label)} (mm3)" for label in labels]
    written = 0
    with atomic_path(file) as aside, aside.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow([*_FACTS, *(["caption"] if captions else []), *names])
        for number, path in enumerate(track(slices, "Writing CSV", total=len(slices))):
            for rows in _part(path, captions[number] if captions else None, labels):
                writer.writerows(rows)
                written += len(rows)
    return written


def _labels(slices: list[Path]) -> list[int]:
    seen: set[int] = set()
    for path in slices:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            column = file.read_row_group(group, columns=["structures.list.element.label"])["structures"]
            entries = column.combine_chunks().flatten().field("label")
            seen.update(np.unique(entries.to_numpy(zero_copy_only=False)).tolist())
    return sorted(seen)


def _part(path: Path, captions: Path | None, labels: list[int]) -> Iterator[list[list[Any]]]:
    file = pq.ParquetFile(path)
    texts = pq.ParquetFile(captions) if captions else None
    place = {label: number for number, label in enumerate(labels)}
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        said = texts.read_row_group(group, columns=["caption"])["caption"].to_pylist() if texts else None
        if said is not None and len(said) != table.num_rows:
            raise caption_error(len(said), table.num_rows)
        yield [_row(row, said[n] if said else None, place) for n, row in enumerate(_rows(table))]


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _row(row: dict[str, Any], caption: str | None, place: dict[int, int]) -> list[Any]:
    volumes: list[Any] = [""] * len(place)
    for one in row["structures"]:
        volumes[place[one["label"]]] = f"{one['volume_mm3']:.7g}"
    facts = [_cell(row[name]) for name in _FACTS]
    return [*facts, *([caption] if caption is not None else []), *volumes]


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(str(_cell(one)) for one in value)
    return f"{value:.7g}" if isinstance(value, float) else value
