"""An OUT is read a few rows at a time, whatever its row groups, and captions stay with their slices."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from braincaption.errors import UsageError
from braincaption.outfolder import open_captioned


def test_rows_come_in_the_size_asked_for_whatever_the_row_groups(captioned: Any, tmp_path: Path) -> None:
    shutil.copytree(captioned.path, tmp_path / "out")
    for number, path in enumerate(sorted((tmp_path / "out").glob("*/part-*.parquet"))):
        pq.write_table(pq.read_table(path), path, row_group_size=37 + 11 * number)
    columns = ["caption", "index", "template"]
    part = open_captioned(tmp_path / "out", captions=True).parts[1]
    pieces = list(part.tables(columns, rows=100))
    assert [piece.num_rows for piece in pieces[:-1]] == [100] * (len(pieces) - 1)
    whole = open_captioned(captioned.path).parts[1].read(columns)
    assert pa.concat_tables(pieces).equals(whole) and whole.column_names == columns


def test_a_missing_shard_or_a_damaged_one_is_said(captioned: Any, tmp_path: Path) -> None:
    shutil.copytree(captioned.path, tmp_path / "out")
    victim = tmp_path / "out" / "slices" / "part-00001-of-00003.parquet"
    victim.write_bytes(victim.read_bytes()[:200])
    with pytest.raises(UsageError, match=r"part-00001-of-00003.parquet cannot be read"):
        open_captioned(tmp_path / "out").parts[1].read(["index"])
    victim.unlink()
    with pytest.raises(UsageError, match="holds 2 of 3 shards"):
        open_captioned(tmp_path / "out")
