"""A number of volumes in, the Parquet parts they go to out: names, ranges, and which parts still have to be made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from braincaption.errors import UsageError

SLICES_FOLDER = "slices"
CAPTIONS_FOLDER = "captions"
NAMES_KEY = b"structures"
RUN_KEY = b"braincaption"
_NAME = re.compile(r"part-(\d{5})-of-(\d{5})\.parquet")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One Parquet file of a table: part `number` (from 0) of `of`."""

    number: int
    of: int

    @property
    def file_name(self) -> str:
        """Return ``part-IIIII-of-NNNNN.parquet``."""
        return f"part-{self.number:05d}-of-{self.of:05d}.parquet"

    def rows(self, total: int) -> range:
        """Return which of `total` sorted volumes go here: contiguous, so that parts in order are sorted too."""
        return range(self.number * total // self.of, (self.number + 1) * total // self.of)


def parse_shard(text: str) -> Part:
    """Read ``I/N``: part I of N, counted from 0 as in the file names.

    Raises
    ------
    UsageError
        Not two numbers with 0 ≤ I < N.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if found is None or not int(found[1]) < int(found[2]) <= 99999:
        raise UsageError(f"--shard {text} is no I/N with I from 0 to N-1: for 8 jobs give 0/8 to 7/8")
    return Part(number=int(found[1]), of=int(found[2]))


def split_volumes(total: int, part_size: int) -> list[Part]:
    """Return the parts for `total` volumes, at most `part_size` volumes each."""
    of = max(1, -(-total // part_size))
    return [Part(number=number, of=of) for number in range(of)]


def list_parts(folder: Path) -> list[Path]:
    """Return the part files in `folder`, in order.

    Raises
    ------
    UsageError
        There are none, parts of different counts, or some are missing.
    """
    found = _parts_in(folder)
    if not found:
        raise UsageError(f"{folder} holds no part-IIIII-of-NNNNN.parquet: run the command that makes them first")
    of = {part.of for part in found.values()}
    if len(of) > 1:
        raise UsageError(f"{folder} mixes parts of {sorted(of)}: delete it and run the command again")
    missing = sorted(set(range(of.pop())) - {part.number for part in found.values()})
    if missing:
        raise UsageError(f"{folder} lacks {len(missing)} parts ({missing[:5]} …): finish the run that makes them")
    return sorted(found)


def _parts_in(folder: Path) -> dict[Path, Part]:
    names = ((path, _NAME.fullmatch(path.name)) for path in sorted(folder.glob("part-*.parquet")))
    return {path: Part(number=int(found[1]), of=int(found[2])) for path, found in names if found}


def run_record(path: Path) -> dict[str, Any]:
    """Return what a finished part says of the run that made it."""
    metadata: Mapping[bytes, bytes] = pq.read_metadata(path).metadata or {}
    record: dict[str, Any] = json.loads(metadata.get(RUN_KEY, b"{}"))
    return record


def structure_names(path: Path) -> dict[int, str]:
    """Return the names of the structures, by label, from a part's metadata."""
    metadata: Mapping[bytes, bytes] = pq.read_metadata(path).metadata or {}
    return {int(label): str(name) for label, name in json.loads(metadata.get(NAMES_KEY, b"{}")).items()}


def missing_parts(
    folder: Path, wanted: list[Part], run: Mapping[str, Any], contents: Mapping[int, str] | None = None
) -> list[Part]:
    """Return the parts not yet made by this very run, made without volumes that failed, or from other file contents.

    Parameters
    ----------
    folder : Path
    wanted : list of Part
    run : mapping
        What decides the rows of the whole table.
    contents : mapping of int to str, optional
        Digest of the files behind each part, by its number: where a part was made from others, it is made again.

    Raises
    ------
    UsageError
        The folder holds parts that another source, other settings or another number of parts made.
    """
    found = _parts_in(folder)
    other = sorted({part.of for part in found.values()} - {part.of for part in wanted})
    if other:
        raise UsageError(
            f"{folder} holds a table in {other[0]} parts, this run makes {wanted[0].of}: "
            f"give the same --shard and source as before, delete {folder}, or name another --out"
        )
    missing = []
    for part in wanted:
        path = folder / part.file_name
        if not path.exists():
            missing.append(part)
            continue
        record = _record(path)
        if record.get("run") != run:
            raise UsageError(
                f"{path} was made from another source or with other settings: delete {folder} or name another --out"
            )
        changed = contents is not None and record.get("contents") != contents[part.number]
        if changed or record.get("failed"):
            missing.append(part)
    return missing


def _record(path: Path) -> dict[str, Any]:
    try:
        return run_record(path)
    except (pa.ArrowInvalid, OSError):
        raise UsageError(f"{path} is damaged: delete it and run the same command again") from None
