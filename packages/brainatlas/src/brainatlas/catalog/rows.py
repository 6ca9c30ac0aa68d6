"""Scans of OUT in, rows of the catalog out, and a written catalog back in; columns as `braincaption.schema.CATALOG`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from brainatlas.cohorts.acquisition import ACQUISITION
from brainatlas.geometry import Matrix, as_row, zooms
from brainatlas.record import Record
from braincaption.errors import UsageError
from braincaption.orientation import axcodes
from braincaption.schema import CATALOG


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A labelled scan, as the catalog sees it.

    Attributes
    ----------
    record : Record
    label_path, label_origin : str
        Relative to OUT; ``manual`` or ``vote:<method>``.
    label_subjects : tuple of str
    affine : ndarray, shape (4, 4)
        Voxel → world RAS, mm.
    shape : tuple of int
    """

    record: Record
    label_path: str
    label_origin: str
    label_subjects: tuple[str, ...]
    affine: Matrix
    shape: tuple[int, int, int]

    @cached_property
    def as_space(self) -> dict[str, Any]:
        """The columns that a row takes from its space; the same for every image seen in it."""
        return {
            "space_id": self.record.scan_id,
            "space_subject": self.record.person,
            "space_path": _relative(self.record.place.brain, self.record),
            "space_affine": as_row(self.affine),
            "shape": list(self.shape),
            "zooms": [float(value) for value in zooms(self.affine)],
            "axcodes": axcodes(self.affine),
        }

    @cached_property
    def as_image(self) -> dict[str, Any]:
        """The columns that a row takes from its image; the same in every space it is seen in."""
        return {
            "image_id": self.record.scan_id,
            "image_subject": self.record.person,
            "image_path": _relative(self.record.place.brain, self.record),
            "label_path": self.label_path,
            "mask_path": _relative(self.record.place.mask, self.record),
            "label_origin": self.label_origin,
            "label_subjects": list(self.label_subjects),
            "sequence": self.record.place.suffix,
            **{name: getattr(self.record, name) for name in _KNOWN},
            "cohort": self.record.place.cohort,
            "licence": self.record.licence,
        }


def _relative(path: Path, record: Record) -> str:
    return path.relative_to(record.place.out).as_posix()


def grid_of(image: Path) -> tuple[Matrix, tuple[int, int, int]]:
    """Return affine and shape of an image of OUT; only its header is read."""
    header = nib.load(image)
    shape = header.shape[:3]
    return np.asarray(header.affine, dtype=np.float64), (int(shape[0]), int(shape[1]), int(shape[2]))


def row(image: Entry, space: Entry, matrix: Matrix, direction: str) -> dict[str, Any]:
    """Return one row: the scan of `image` seen on the grid of `space`."""
    return {
        "volume_id": f"{image.record.scan_id}@{space.record.scan_id}",
        "direction": direction,
        "matrix": as_row(matrix),
        **image.as_image,
        **space.as_space,
    }


_KNOWN = (*ACQUISITION, "age", "sex")


def to_batches(rows: Iterator[dict[str, Any]], size: int = 4096) -> Iterator[pa.RecordBatch]:
    """Gather rows into record batches of the catalog's schema, so that memory does not grow with their number."""
    held: list[dict[str, Any]] = []
    for one in rows:
        held.append(one)
        if len(held) == size:
            yield pa.RecordBatch.from_pylist(held, schema=CATALOG)
            held = []
    if held:
        yield pa.RecordBatch.from_pylist(held, schema=CATALOG)


def read_catalog(out: Path) -> pa.Table:
    """Read ``out/catalog.parquet``.

    Raises
    ------
    UsageError
        There is none, or it is damaged.
    """
    path = out / "catalog.parquet"
    if not path.exists():
        raise UsageError(f"{out} has no catalog.parquet: run brain atlas expand {out} first")
    try:
        return pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"{path} cannot be read ({error}): run brain atlas expand {out} again") from None
