"""Slice table and captions in, shards of configuration ``text`` out, in the order of the pseudonyms.

The source order would give the pseudonyms away (the n-th person of a published list is the n-th of ours), so rows are
sorted again. Rows are first dealt into buckets by pseudonym, each small enough to sort in memory, whatever the size.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from braincaption.dataset.columns import TEXT
from braincaption.dataset.facts import Facts
from braincaption.dataset.shards import Shards
from braincaption.outfolder import READ_ROWS, Captioned
from braincaption.progress import track
from braincaption.schema import SLICE_KEY
from braincaption.splits import SPLITS

BUCKET_ROWS = 150_000
GROUP_ROWS = 20_000
Keep = Callable[[pa.Table], pa.Table]


def write_text(captioned: Captioned, facts: Facts, keep: Keep, shards: Shards, scratch: Path) -> None:
    """Write every slice that `keep` leaves, with its caption.

    Parameters
    ----------
    captioned : Captioned
    facts : Facts
    keep : callable
        Source rows in, those to publish out.
    shards : Shards
    scratch : Path
        Folder for the buckets; removed afterwards.
    """
    count = max(-(-captioned.rows // BUCKET_ROWS), 1)
    columns = [name for name in TEXT.names if name != "split"]
    prepared = (
        facts.publishable(keep(table)).select(TEXT.names)
        for table in track(captioned.tables(columns), "Writing text", -(-captioned.rows // READ_ROWS))
    )
    for bucket in _buckets(prepared, count, facts.volumes(), scratch):
        ordered = in_key_order(bucket)
        for split in SPLITS:
            rows = ordered.filter(pc.equal(ordered["split"], split))
            if rows.num_rows:
                shards.append(split, rows)


def in_key_order(table: pa.Table) -> pa.Table:
    """Return the rows sorted by volume, plane and index."""
    return table.take(pc.sort_indices(table, [(name, "ascending") for name in SLICE_KEY if name in table.column_names]))


def _buckets(tables: Iterator[pa.Table], count: int, volumes: pa.Array, scratch: Path) -> Iterator[pa.Table]:
    if count == 1:
        yield pa.concat_tables(tables)
        return
    scratch.mkdir(parents=True)
    writers = [pq.ParquetWriter(scratch / f"{n:05d}.parquet", TEXT, compression="lz4") for n in range(count)]
    for table in tables:
        bucket = _bucket_of(table, count, volumes)
        order = np.argsort(bucket, kind="stable")
        bounds = np.searchsorted(bucket[order], np.arange(count + 1))
        dealt = table.cast(TEXT).take(pa.array(order))
        for number, writer in enumerate(writers):
            rows = dealt.slice(bounds[number], bounds[number + 1] - bounds[number])
            if rows.num_rows:
                writer.write_table(rows)
    for writer in writers:
        writer.close()
    for number in range(count):
        path = scratch / f"{number:05d}.parquet"
        yield pq.read_table(path, partitioning=None)
        path.unlink()
    shutil.rmtree(scratch)


def _bucket_of(table: pa.Table, count: int, volumes: pa.Array) -> npt.NDArray[np.int64]:
    """Return the bucket of each row; buckets follow each other as the sorted `volumes` do."""
    rank = pc.index_in(table["volume_id"].combine_chunks(), volumes).to_numpy()
    return np.asarray(rank.astype(np.int64) * count // len(volumes))
