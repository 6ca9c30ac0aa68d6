"""Tables of rows in, Parquet shards of one configuration out: ``<split>-00000-of-00003.parquet``, closed by size."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_LEVEL = 6  # zstd


@dataclass(kw_only=True)
class Shards:
    """Appends rows to the shards of each split in a folder; `close` gives them their final names.

    Parameters
    ----------
    folder : Path
        Empty; of one configuration.
    schema : pyarrow.Schema
        Of every row; with the Hugging Face features in its metadata.
    shard_bytes : int
    group_rows : int
        Rows in a row group: what a reader that wants one row has to read.
    """

    folder: Path
    schema: pa.Schema
    shard_bytes: int
    group_rows: int
    _open: dict[str, pq.ParquetWriter] = field(default_factory=dict)
    _count: dict[str, int] = field(default_factory=dict)

    def append(self, split: str, table: pa.Table) -> None:
        """Add rows to `split`, in order."""
        rows = table.select(self.schema.names).cast(self.schema)
        for start in range(0, rows.num_rows, self.group_rows):
            writer = self._open.get(split) or self._start(split)
            writer.write_table(rows.slice(start, self.group_rows), row_group_size=self.group_rows)
            if self._path(split).stat().st_size > self.shard_bytes:
                self._open.pop(split).close()

    def close(self) -> None:
        """Finish all shards and name them ``split-i-of-n``."""
        for writer in self._open.values():
            writer.close()
        self._open.clear()
        for split, count in self._count.items():
            for number in range(count):
                part = self.folder / f"{split}-{number:05d}.parquet"
                part.rename(self.folder / f"{split}-{number:05d}-of-{count:05d}.parquet")

    def _start(self, split: str) -> pq.ParquetWriter:
        self._count[split] = self._count.get(split, 0) + 1
        writer = pq.ParquetWriter(self._path(split), self.schema, compression="zstd", compression_level=_LEVEL)
        self._open[split] = writer
        return writer

    def _path(self, split: str) -> Path:
        return self.folder / f"{split}-{self._count[split] - 1:05d}.parquet"


def with_features(schema: pa.Schema, special: dict[str, str]) -> pa.Schema:
    """Return `schema` with the Hugging Face features in its metadata, which `datasets` reads.

    Parameters
    ----------
    schema : pyarrow.Schema
    special : dict of str to str
        Columns that are an ``Image`` or a ``Nifti``.
    """
    features = {item.name: _feature(item.type) for item in schema}
    features |= {name: {"_type": kind} for name, kind in special.items()}
    # `datasets` takes an Image or Nifti from the metadata only when the column may be null.
    fields = [item.with_nullable(True) if item.name in special else item for item in schema]
    return pa.schema(fields, {"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_struct(kind):
        return {item.name: _feature(item.type) for item in kind}
    if pa.types.is_fixed_size_list(kind):
        return {"_type": "List", "feature": _feature(kind.value_type), "length": kind.list_size}
    if pa.types.is_list(kind):
        return {"_type": "List", "feature": _feature(kind.value_type)}
    names = {pa.float32(): "float32", pa.float64(): "float64"}
    return {"_type": "Value", "dtype": names.get(kind, str(kind))}
