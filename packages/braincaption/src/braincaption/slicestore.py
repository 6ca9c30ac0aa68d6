"""A folder of PNGs, or Parquet shards that hold them, in; the bytes and the checked header of picture i out."""

from __future__ import annotations

import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow.parquet as pq

from braincaption.errors import UsageError

METADATA = "metadata.parquet"
HEADER_BYTES = 26  # signature, length and type of IHDR, then width, height, bit depth, colour type
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY_8 = (8, 0)  # bit depth and colour type of an 8-bit grey PNG
_CACHED_GROUPS = 16


class Pictures(Protocol):
    """Where the PNG bytes of row i come from."""

    def png(self, i: int) -> bytes:
        """Return the PNG."""
        ...

    def header(self, i: int) -> bytes:
        """Return its first `HEADER_BYTES` bytes."""
        ...


def first_shape(source: Pictures, folder: Path) -> tuple[int, int]:
    header = source.header(0)
    check_header(header, folder, 0, None)
    width, height = struct.unpack(">II", header[16:24])
    return int(height), int(width)


def check_header(header: bytes, folder: Path, i: int, shape: tuple[int, int] | None) -> None:
    if len(header) < HEADER_BYTES or header[:8] != _PNG_SIGNATURE:
        raise UsageError(f"picture {i} of {folder} is no PNG: render or generate the slices again, as PNG")
    width, height, depth, colour = struct.unpack(">IIBB", header[16:HEADER_BYTES])
    if (depth, colour) != _GREY_8:
        kind = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}.get(colour, "unknown")
        raise UsageError(
            f"picture {i} of {folder} is {depth}-bit {kind}, wanted 8-bit grey: convert the pictures to one channel"
        )
    if shape is not None and (height, width) != shape:
        raise UsageError(
            f"picture {i} of {folder} is {width}×{height} pixels and the first {shape[1]}×{shape[0]}: "
            "render them all at one --size"
        )


@dataclass(frozen=True)
class PictureFiles:
    """PNGs that lie in a folder."""

    folder: Path
    names: tuple[str, ...]

    def png(self, i: int) -> bytes:
        try:
            return self._path(i).read_bytes()
        except OSError:
            raise UsageError(self._missing(i)) from None

    def header(self, i: int) -> bytes:
        try:
            with self._path(i).open("rb") as handle:
                return handle.read(HEADER_BYTES)
        except OSError:
            raise UsageError(self._missing(i)) from None

    def _path(self, i: int) -> Path:
        path = self.folder / self.names[i]
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise UsageError(f"{METADATA} of {self.folder} names {self.names[i]}, outside the folder: do not use it")
        return path

    def _missing(self, i: int) -> str:
        return f"{self.folder} names {self.names[i]}, which is not there: run the command that wrote it again"


@dataclass
class PictureShards:
    """PNGs inside the column ``image`` of Parquet shards; the row groups read last are kept."""

    groups: tuple[tuple[Path, int, int], ...]
    cache: OrderedDict[int, list[bytes]] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.starts = np.concatenate([[0], np.cumsum([size for _, _, size in self.groups])])

    def png(self, i: int) -> bytes:
        group = int(np.searchsorted(self.starts, i, side="right")) - 1
        return self._load(group)[i - int(self.starts[group])]

    def header(self, i: int) -> bytes:
        return self.png(i)[:HEADER_BYTES]

    def _load(self, group: int) -> list[bytes]:
        if group in self.cache:
            self.cache.move_to_end(group)
            return self.cache[group]
        shard, number, _ = self.groups[group]
        with pq.ParquetFile(shard) as opened:
            column = opened.read_row_group(number, columns=["image"])["image"]
        self.cache[group] = [item["bytes"] for item in column.to_pylist()]
        while len(self.cache) > _CACHED_GROUPS:
            self.cache.popitem(last=False)
        return self.cache[group]

    def __getstate__(self) -> dict[str, Any]:
        # A worker process reads for itself: the cache would only be copied for nothing.
        return self.__dict__ | {"cache": OrderedDict()}
