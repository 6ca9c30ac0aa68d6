"""Slices and their facts in, a folder of 8-bit PNGs with ``metadata.parquet`` out, and back again.

The folder is what `brain caption render` and `brain ldm generate` write, and what `brain ldm` and `brain eval` read:
``images/ab/<sha1 of the key>.png`` and one row per picture, ``file_name`` first, so that
``load_dataset("imagefolder")`` opens it too. A folder made by `brain caption dataset` is read the same way, from its
configuration ``slices``.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from braincaption.atomic import atomic_path, remove_leftovers
from braincaption.errors import UsageError
from braincaption.extras import require
from braincaption.schema import GENERATED_FOLDER, SLICE_FOLDER
from braincaption.slicestore import (
    HEADER_BYTES,
    PictureFiles,
    Pictures,
    PictureShards,
    check_header,
    first_shape,
)
from braincaption.slicestore import METADATA as METADATA

IMAGES = "images"
DATASET_CONFIG = "slices"
_COMPRESSION = 6

Picture: TypeAlias = npt.NDArray[np.uint8]
Row: TypeAlias = Mapping[str, Any]


def slice_key(row: Row) -> str:
    """Return the text that names a slice: volume, plane and index; for a generated one its seed and model as well."""
    parts = [row.get(name) for name in ("volume_id", "plane", "index", "seed", "model")]
    return "\t".join("" if part is None or part is pd.NA else str(part) for part in parts)


def file_name(row: Row) -> str:
    """Return the path of the slice's PNG below its folder."""
    digest = hashlib.sha1(slice_key(row).encode(), usedforsecurity=False).hexdigest()
    return f"{IMAGES}/{digest[:2]}/{digest}.png"


def encode_png(picture: Picture) -> bytes:
    """Return `picture`, shape (height, width), as an 8-bit grey PNG; equal pictures give equal bytes."""
    image = require("PIL.Image", "images")
    if picture.dtype != np.uint8 or picture.ndim != 2:
        raise ValueError(f"a picture of {picture.dtype} and shape {picture.shape}, wanted uint8 and (height, width)")
    buffer = io.BytesIO()
    image.fromarray(np.ascontiguousarray(picture)).save(buffer, format="PNG", compress_level=_COMPRESSION)
    return buffer.getvalue()


def write_slices(
    out: Path,
    slices: Iterable[tuple[Row, Picture | Callable[[], Picture]]],
    schema: pa.Schema = SLICE_FOLDER,
    about: Mapping[str, str] | None = None,
) -> int:
    """Write a slice folder; ``metadata.parquet`` comes last, so a folder that has one is whole.

    Parameters
    ----------
    out : Path
    slices : iterable of (row, picture)
        `row` has the fields of `schema` without ``file_name``; nullable ones may be missing. `picture` is uint8 of
        shape (height, width), or a function that draws it, which is called only when the PNG is not there yet: that
        makes an interrupted run cheap to repeat.
    schema : pyarrow.Schema
        `SLICE_FOLDER` or `GENERATED_FOLDER`.
    about : mapping of str to str, optional
        Key-value metadata of the Parquet file (how the pictures were made).

    Returns
    -------
    int
        Number of slices.

    Raises
    ------
    ValueError
        A row with a field that `schema` does not name, or two rows of one key.
    """
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    rows: dict[str, dict[str, Any]] = {}
    for row, picture in slices:
        name = file_name(row)
        if name in rows:
            raise ValueError(f"two slices have the key {slice_key(row)!r}: each slice may be written once")
        rows[name] = _complete(row, name, schema)
        _write_png(out / name, picture)
    _remove_orphans(out, rows)
    _write_table(out / METADATA, sorted(rows.values(), key=_order), schema, about or {})
    return len(rows)


def _complete(row: Row, name: str, schema: pa.Schema) -> dict[str, Any]:
    unknown = set(row) - set(schema.names)
    if unknown:
        raise ValueError(f"a slice row has {sorted(unknown)}, which a slice folder does not hold")
    return {column: row.get(column) for column in schema.names} | {"file_name": name}


def _order(row: Row) -> tuple[bytes, str, int, int, str]:
    seed = row.get("seed")
    return (
        row["volume_id"].encode(),
        row["plane"] or "",
        -1 if row["index"] is None else int(row["index"]),
        -1 if seed is None else int(seed),
        row["file_name"],
    )


def _write_png(path: Path, picture: Picture | Callable[[], Picture]) -> None:
    if callable(picture):
        if path.exists():
            return
        picture = picture()
    with atomic_path(path) as aside:
        aside.write_bytes(encode_png(picture))


def _remove_orphans(out: Path, rows: Mapping[str, Any]) -> None:
    for path in sorted((out / IMAGES).glob("??/*.png")):
        stem = path.stem
        if len(stem) == 40 and path.relative_to(out).as_posix() not in rows:
            path.unlink()


def _write_table(path: Path, rows: list[dict[str, Any]], schema: pa.Schema, about: Mapping[str, str]) -> None:
    table = pa.Table.from_pylist(rows, schema=schema).replace_schema_metadata(dict(about) or None)
    with atomic_path(path) as aside:
        pq.write_table(table, aside, compression="zstd")


@dataclass(frozen=True)
class SliceFolder:
    """An opened slice folder: facts in memory, pictures read when asked for; pickles to worker processes.

    Attributes
    ----------
    path : Path
    table : pandas.DataFrame
        A row per slice with the columns of `SLICE_FOLDER` (and those of `GENERATED_FOLDER` where it is one);
        ``index`` is pandas' nullable ``UInt16``.
    shape : tuple of int
        (height, width) of every picture, pixels.
    """

    path: Path
    table: pd.DataFrame
    shape: tuple[int, int]
    source: Pictures = field(repr=False)
    positions: npt.NDArray[np.int64] = field(repr=False)

    def __len__(self) -> int:
        return len(self.table)

    def image(self, i: int) -> Picture:
        """Return picture `i` of the table as uint8, shape (height, width)."""
        position = int(self.positions[i])
        png = self.source.png(position)
        check_header(png[:HEADER_BYTES], self.path, position, self.shape)
        with require("PIL.Image", "images").open(io.BytesIO(png)) as opened:
            return np.array(opened, dtype=np.uint8)

    def images(self) -> Iterator[Picture]:
        """Yield every picture in the order of the table."""
        for i in range(len(self)):
            yield self.image(i)

    def select(self, rows: npt.NDArray[Any]) -> SliceFolder:
        """Return the slices at `rows` (positions, or a boolean per slice) as a folder of their own."""
        chosen = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows, dtype=np.int64)
        table = self.table.iloc[chosen].reset_index(drop=True)
        return SliceFolder(self.path, table, self.shape, self.source, self.positions[chosen])


def read_slices(folder: Path) -> SliceFolder:
    """Open a slice folder, or the ``slices`` configuration of a dataset folder.

    Raises
    ------
    UsageError
        The folder is missing, empty, or neither of the two; its table lacks columns; a picture is missing, is not
        8-bit grey, or has another size than the first.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: give what `brain caption render` or `brain ldm generate` wrote")
    if (folder / METADATA).is_file():
        return _open_pictures(folder)
    shards = sorted((folder / DATASET_CONFIG).glob("*.parquet"))
    if shards:
        return _open_shards(folder, shards)
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:4]) or "nothing"
    raise UsageError(
        f"{folder} holds {found}, wanted {METADATA} beside {IMAGES}/, or a dataset folder with {DATASET_CONFIG}/: "
        "make one with `brain caption render OUT --out DIR`"
    )


def _open_pictures(folder: Path) -> SliceFolder:
    table = _as_frame(_read_table(folder / METADATA), folder)
    source = PictureFiles(folder, tuple(table["file_name"]))
    shape = first_shape(source, folder)
    for i in range(1, len(table)):
        check_header(source.header(i), folder, i, shape)
    return SliceFolder(folder, table, shape, source, np.arange(len(table)))


def _open_shards(folder: Path, shards: list[Path]) -> SliceFolder:
    counts: list[tuple[Path, int, int]] = []
    tables = []
    for shard in shards:
        try:
            opened = pq.ParquetFile(shard)
        except (pa.ArrowInvalid, OSError) as error:
            raise UsageError(f"{shard} is no readable Parquet file ({error}): write the dataset again") from None
        with opened:
            names = [name for name in opened.schema_arrow.names if name != "image"]
            tables.append(opened.read(columns=names))
            sizes = [opened.metadata.row_group(g).num_rows for g in range(opened.metadata.num_row_groups)]
        counts += [(shard, group, size) for group, size in enumerate(sizes)]
    table = _as_frame(pa.concat_tables(tables, promote_options="default"), folder)
    source = PictureShards(tuple(counts))
    return SliceFolder(folder, table, first_shape(source, folder), source, np.arange(len(table)))


def _read_table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        first = " ".join(str(error).split())[:120]
        raise UsageError(f"{path} is no readable Parquet file ({first}): render or generate the slices again") from None


def _as_frame(table: pa.Table, folder: Path) -> pd.DataFrame:
    wanted = GENERATED_FOLDER if "model" in table.column_names else SLICE_FOLDER
    lacking = [item.name for item in wanted if not item.nullable and item.name not in table.column_names]
    if lacking:
        raise UsageError(
            f"the table of {folder} lacks {', '.join(lacking)}: it has {', '.join(table.column_names[:6])} …; "
            "give what `brain caption render` or `brain ldm generate` wrote"
        )
    if table.num_rows == 0:
        raise UsageError(f"{folder} holds no slice: render or generate some first")
    columns = {
        item.name: table[item.name].cast(item.type)
        if item.name in table.column_names
        else pa.nulls(table.num_rows, item.type)
        for item in wanted
    }
    frame = pa.table(columns).to_pandas(types_mapper={pa.uint16(): pd.UInt16Dtype()}.get)
    return frame
