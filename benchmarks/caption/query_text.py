"""The ``text`` configuration of a dataset folder in, the time of its first row and of two filters (JSON) out.

    python benchmarks/caption/query_text.py DEST --label 17 --age 60 --record benchmarks/caption/query_text.json

Timed are the first row of every split through `datasets` (streaming, in a process of its own, imports included), and
the number of rows that show a structure in people above an age, over all rows, with DuckDB and with pyarrow.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

FIRST_ROW = """
import sys, time
begun = time.perf_counter()
from datasets import load_dataset
imported = time.perf_counter()
rows = load_dataset(sys.argv[1], "text", split=sys.argv[2], streaming=True)
assert next(iter(rows))["caption"]
print(imported - begun, time.perf_counter() - imported)
"""


def main() -> None:
    """Time and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--label", type=int, default=17)
    parser.add_argument("--age", type=float, default=60.0)
    parser.add_argument("--note", default="", help="what the set is, for the record")
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    shards = sorted((arguments.folder / "text").glob("*.parquet"))
    splits = sorted({path.name.partition("-")[0] for path in shards})
    by_duckdb, duckdb_s = _timed(lambda: _duckdb(arguments))
    by_arrow, arrow_s = _timed(lambda: _arrow(arguments))
    figures = {
        "command": f"python benchmarks/caption/{Path(__file__).name} DEST",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, mean load {os.getloadavg()[0]:.1f}",
        "set": arguments.note,
        "rows": sum(pq.read_metadata(path).num_rows for path in shards),
        "bytes": sum(path.stat().st_size for path in shards),
        "first_row_s": {split: _first_row(arguments.folder, split) for split in splits},
        "filter": f"label {arguments.label} and age > {arguments.age:g}",
        "found": by_duckdb,
        "duckdb_s": round(duckdb_s, 2),
        "pyarrow_s": round(arrow_s, 2),
    }
    assert by_duckdb == by_arrow, "the two readers disagree"
    print(json.dumps(figures, indent=2))
    if arguments.record:
        arguments.record.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _timed(work: Callable[[], int]) -> tuple[int, float]:
    begun = time.perf_counter()
    return work(), time.perf_counter() - begun


def _first_row(folder: Path, split: str) -> dict[str, float]:
    command = [sys.executable, "-c", FIRST_ROW, str(folder), split]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    imported, first = (round(float(value), 2) for value in done.stdout.split())
    return {"import_datasets": imported, "load_and_first_row": first}


def _duckdb(arguments: argparse.Namespace) -> int:
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    shows = f"list_contains(list_transform(structures, lambda s: s.label), {arguments.label})"
    asked = f"select count(*) from '{arguments.folder}/text/*.parquet' where age > {arguments.age} and {shows}"
    return int(connection.execute(asked).fetchall()[0][0])


def _arrow(arguments: argparse.Namespace) -> int:
    text: Any = ds.dataset(sorted(map(str, (arguments.folder / "text").glob("*.parquet"))))
    wanted = pc.field("age") > arguments.age
    return sum(_shown(batch, arguments.label) for batch in text.to_batches(columns=["structures"], filter=wanted))


def _shown(batch: Any, label: int) -> int:
    """Count the rows of a batch whose list holds the label."""
    lists = batch.column("structures")
    at = np.flatnonzero(lists.flatten().field("label").to_numpy(zero_copy_only=False) == label)
    ends = np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False))
    return int(np.unique(np.searchsorted(ends, at, side="right")).size)


if __name__ == "__main__":
    main()
