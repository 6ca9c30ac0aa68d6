"""A slice folder or dataset folder in, its slices as 8-bit grey arrays with people and keys out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from braincaption.errors import UsageError
from braincaption.schema import SLICE_KEY
from braincaption.slicefolder import read_slices

Images = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.intp]


class Reader(Protocol):
    """What braincaption's reader of slice folders gives: a table with one row a slice, and the pixels of each."""

    @property
    def table(self) -> pd.DataFrame:
        """One row a slice."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of every slice, pixels."""
        ...

    def image(self, i: int) -> Images:
        """Return slice `i` as 8-bit grey, shape (h, w)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """Slices held in memory, shape (n, h, w), with their table: what perturbed copies and tests are read from."""

    table: pd.DataFrame
    pixels: Images

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, pixels."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[2])

    def image(self, i: int) -> Images:
        """Return slice `i`."""
        return self.pixels[i]


@dataclass(frozen=True, kw_only=True)
class Slices:
    """Slices of one side of a comparison.

    Attributes
    ----------
    name : str
        How messages call them: the folder.
    reader : Reader
        Where table and pixels come from.
    rows : ndarray of int
        Rows of the reader's table that are meant, in this order.
    """

    name: str
    reader: Reader
    rows: Indices

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def table(self) -> pd.DataFrame:
        """One row a slice, columns of the slice folder."""
        return self.reader.table.iloc[self.rows].reset_index(drop=True)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of every slice, pixels."""
        return self.reader.shape

    @property
    def units(self) -> npt.NDArray[np.intp]:
        """Number of the person each slice belongs to; a slice without a person is a unit by itself."""
        column = self.column("person")
        names = [f"{i}/" if pd.isna(person) else f"/{person}" for i, person in enumerate(column)]
        return np.unique(np.array(names), return_inverse=True)[1].astype(np.intp)

    @property
    def people(self) -> int:
        """Number of people who are named."""
        return int(pd.Series(self.column("person"), dtype=object).nunique())

    def column(self, name: str) -> npt.NDArray[np.object_]:
        """Return column `name`, None throughout where the folder has none."""
        table = self.reader.table
        if name not in table.columns:
            return np.full(len(self), None, dtype=object)
        values = table[name].to_numpy(dtype=object)[self.rows]
        return np.array([None if _missing(value) else value for value in values], dtype=object)

    def select(self, indices: Sequence[int] | npt.NDArray[np.generic]) -> Slices:
        """Return the slices at `indices` (positions or a boolean mask)."""
        return Slices(name=self.name, reader=self.reader, rows=self.rows[np.asarray(indices)])

    def images(self, indices: Sequence[int] | npt.NDArray[np.generic] | None = None) -> Images:
        """Return pixels of all slices or of those at `indices`, shape (n, h, w), 8-bit grey."""
        rows = self.rows if indices is None else self.rows[np.asarray(indices)]
        stack = np.empty((len(rows), *self.shape), dtype=np.uint8)
        for place, row in enumerate(rows):
            stack[place] = self.reader.image(int(row))
        return stack

    def batches(self, size: int) -> Iterator[Images]:
        """Yield pixels in order, at most `size` slices at once."""
        for start in range(0, len(self), size):
            yield self.images(np.arange(start, min(start + size, len(self))))

    def keys(self) -> list[tuple[object, ...]]:
        """Return the slice key of every slice."""
        return list(zip(*(self.column(name) for name in SLICE_KEY), strict=True))


def open_slices(folder: Path) -> Slices:
    """Open a slice folder, or the slices of a dataset folder; refused as `read_slices` says."""
    return from_reader(read_slices(folder), str(folder))


def from_reader(reader: Reader, name: str) -> Slices:
    """Return all slices of `reader`, refused when there is none."""
    if len(reader.table) == 0:
        raise UsageError(f"{name} holds no slice: render or generate some first")
    return Slices(name=name, reader=reader, rows=np.arange(len(reader.table), dtype=np.intp))


def same_size(real: Slices, generated: Slices) -> None:
    """Refuse slices of two sizes: resampling would change every score.

    Raises
    ------
    UsageError
    """
    if real.shape != generated.shape:
        wanted = f"{generated.shape[0]}×{generated.shape[1]}"
        raise UsageError(
            f"{real.name} holds {real.shape[0]}×{real.shape[1]} slices, {generated.name} {wanted}: render the real "
            f"ones with `brain caption render … --size {generated.shape[0]}`"
        )


def pair(real: Slices, generated: Slices) -> tuple[Indices, Indices]:
    """Return the positions in `real` and in `generated` of slices with equal keys, in the order of `generated`.

    Raises
    ------
    UsageError
        No key occurs on both sides, or a real key occurs twice.
    """
    places: dict[tuple[object, ...], int] = {}
    for place, key in enumerate(real.keys()):
        if key in places:
            raise UsageError(f"{real.name} holds slice {key} twice: render it again")
        places[key] = place
    found = [(places[key], place) for place, key in enumerate(generated.keys()) if key in places]
    if not found:
        raise UsageError(
            f"no slice of {generated.name} has the key (volume_id, plane, index) of a slice of {real.name}: paired "
            "metrics want the same slices on both sides"
        )
    left, right = zip(*found, strict=True)
    return np.array(left, dtype=np.intp), np.array(right, dtype=np.intp)


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA
