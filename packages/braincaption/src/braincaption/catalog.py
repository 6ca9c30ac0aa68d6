"""A catalog file or the folder that holds it in, one table of labelled volumes out, with where its paths hang from."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from braincaption.schema import CATALOG

FILE = "catalog.parquet"
# Where the paths of OUT's catalog hang. It stands beside the catalog, so that the catalog's bytes do not depend on OUT.
ROOT_FILE = "source.json"
ROOTS_KEY = b"roots"
COHORTS_KEY = b"brain.cohorts"  # metadata: a JSON object of facts by cohort


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Labelled volumes, a row each, sorted by ``volume_id``.

    Attributes
    ----------
    table : pyarrow.Table
        Columns of `braincaption.schema.CATALOG`.
    root : Path
        Folder that relative paths hang from.
    """

    table: pa.Table
    root: Path

    def path(self, written: str) -> Path:
        """Return the file that a path column names: absolute, ``root-name:rest``, or relative to `root`."""
        name, colon, rest = written.partition(":")
        named = self._roots()
        if colon and name in named:
            return (self.root / named[name] / rest).resolve()
        return Path(os.path.normpath(self.root / written))

    def _roots(self) -> dict[str, str]:
        found = (self.table.schema.metadata or {}).get(ROOTS_KEY, b"{}")
        roots: dict[str, str] = json.loads(found)
        return roots


def read_catalog(place: Path) -> Catalog:
    """Read ``catalog.parquet``, given itself or the folder that holds it (an OUT of brainatlas or braincaption).

    Raises
    ------
    UsageError
        There is none, it is no Parquet file, or a column of the schema is missing.
    """
    file = place / FILE if place.is_dir() else place
    if not file.exists():
        raise UsageError(f"{file} does not exist: run `brain atlas expand` (or `brain caption tabulate`) first")
    try:
        table = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"{file} is no readable Parquet file ({str(error)[:80]}): make it again") from None
    missing = [field.name for field in CATALOG if field.name not in table.schema.names]
    if missing:
        raise UsageError(f"{file} lacks the columns {', '.join(missing)}: give a catalog written by brainatlas")
    return Catalog(table=_sorted(table, file), root=_root(file))


def write_catalog(catalog: Catalog, out: Path) -> None:
    """Write the table and where its paths hang; the table's bytes are the same wherever `out` lies."""
    with atomic_path(out / FILE) as aside:
        pq.write_table(catalog.table, aside, compression="zstd")
    with atomic_path(out / ROOT_FILE) as aside:
        relative = os.path.relpath(catalog.root.resolve(), out.resolve())
        aside.write_text(json.dumps({"root": Path(relative).as_posix()}) + "\n", encoding="utf-8")


def _root(file: Path) -> Path:
    pointer = file.parent / ROOT_FILE
    if not pointer.exists():
        return file.parent
    return Path(os.path.normpath(file.parent / str(json.loads(pointer.read_text(encoding="utf-8"))["root"])))


def _sorted(table: pa.Table, file: Path) -> pa.Table:
    ids = [str(value).encode() for value in table["volume_id"].to_pylist()]
    if len(set(ids)) != len(ids):
        raise UsageError(f"{file} names a volume_id twice: make the catalog again")
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return table if order == list(range(len(ids))) else table.take(pa.array(order, pa.int64()))
