"""An OUT of braincaption in (catalog, slices, captions), its parts and the scans behind them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from braincaption.catalog import Catalog, read_catalog
from braincaption.errors import UsageError
from braincaption.schema import SLICE_KEY

SLICES_FOLDER = "slices"
CAPTIONS_FOLDER = "captions"
READ_ROWS = 100_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """One shard of the slice table and, once written, of its captions."""

    slices: Path
    captions: Path | None

    def read(self, columns: Sequence[str]) -> pa.Table:
        """Return `columns` of all rows, as `tables` does."""
        return pa.concat_tables(self.tables(columns))

    def tables(self, columns: Sequence[str], rows: int = READ_ROWS) -> Iterator[pa.Table]:
        """Yield `columns` of `rows` rows at a time; ``caption`` and ``template`` are taken from the captions.

        Raises
        ------
        UsageError
            There are no captions, or they belong to another slice table.
        """
        said = [name for name in columns if name in ("caption", "template")]
        wanted = [name for name in columns if name not in said]
        if not said:
            yield from _stream(self.slices, wanted, rows)
            return
        if self.captions is None:
            raise UsageError(f"{self.slices} has no captions: run `brain caption write OUT` first")
        facts = _stream(self.slices, list(dict.fromkeys([*SLICE_KEY, *wanted])), rows)
        sentences = _stream(self.captions, [*SLICE_KEY, *said], rows)
        for fact, sentence in zip_longest(facts, sentences):
            if fact is None or sentence is None or not sentence.select(SLICE_KEY).equals(fact.select(SLICE_KEY)):
                raise UsageError(f"{self.captions} describes another slice table: run `brain caption write OUT` again")
            for name in said:
                fact = fact.append_column(sentence.schema.field(name), sentence[name])
            yield fact.select(list(columns))


def _stream(path: Path, columns: list[str], rows: int) -> Iterator[pa.Table]:
    """Yield tables of exactly `rows` rows, the last one shorter; one empty table for an empty file."""
    try:
        with pq.ParquetFile(path) as opened:
            left = opened.schema_arrow.empty_table().select(columns)
            left = left.replace_schema_metadata(None)
            for batch in opened.iter_batches(batch_size=rows, columns=columns):
                left = pa.concat_tables([left, pa.table(batch).select(columns).replace_schema_metadata(None)])
                while left.num_rows > rows:
                    yield left.slice(0, rows)
                    left = left.slice(rows)
            yield left
    except (pa.ArrowInvalid, KeyError, OSError) as error:
        first = " ".join(str(error).split())[:120]
        raise UsageError(f"{path} cannot be read ({first}): delete it and run the command that wrote it") from None


@dataclass(frozen=True)
class Captioned:
    """An opened OUT of braincaption.

    Attributes
    ----------
    path : Path
    parts : tuple of Part
        In order; together the slice table, sorted by volume, plane and index.
    """

    path: Path
    parts: tuple[Part, ...]

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog whose volumes were tabulated, with the folder its paths hang from."""
        return read_catalog(self.path)

    @cached_property
    def volumes(self) -> dict[str, dict[str, Any]]:
        """Catalog rows by ``volume_id``."""
        return {row["volume_id"]: row for row in self.catalog.table.to_pylist()}

    @property
    def rows(self) -> int:
        """Number of slices."""
        return sum(pq.read_metadata(part.slices).num_rows for part in self.parts)

    def tables(self, columns: Sequence[str], rows: int = READ_ROWS) -> Iterator[pa.Table]:
        """Yield `columns` of all parts, in order, `rows` rows at a time."""
        for part in self.parts:
            yield from part.tables(columns, rows)


def open_captioned(out: Path, captions: bool = False) -> Captioned:
    """Open what `brain caption tabulate` and `brain caption write` wrote.

    Parameters
    ----------
    out : Path
    captions : bool
        Insist on captions.

    Raises
    ------
    UsageError
        The folder is missing or holds no slice table, a shard is missing, or there are no captions.
    """
    shards = sorted((out / SLICES_FOLDER).glob("part-*.parquet"))
    if not shards:
        raise UsageError(f"{out} holds no slice table ({SLICES_FOLDER}/part-….parquet): run `brain caption tabulate`")
    expected = int(shards[0].stem.rpartition("-")[2])
    if len(shards) != expected:
        raise UsageError(f"{out} holds {len(shards)} of {expected} shards: run `brain caption tabulate` to the end")
    written = [out / CAPTIONS_FOLDER / shard.name for shard in shards]
    if captions and not all(path.is_file() for path in written):
        raise UsageError(f"{out} holds no captions for all its slices: run `brain caption write {out}` first")
    return Captioned(
        out,
        tuple(
            Part(slices=shard, captions=path if path.is_file() else None)
            for shard, path in zip(shards, written, strict=True)
        ),
    )
