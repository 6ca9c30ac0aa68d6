"""A scan of HDF5 files in, its averaged magnitudes and what is known of them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainatlas.cohorts.acquisition import ACQUISITION, Acquisition
from brainatlas.cohorts.recipe import Hdf5Pattern, Recipe
from brainatlas.cohorts.source import acquisition_of
from brainatlas.hdf5.cohort import Hdf5Scan
from brainatlas.hdf5.header import Header, parse_header
from brainatlas.hdf5.kspace import root_sum_of_squares
from braincaption.errors import ScanError
from braincaption.extras import require

HEADER = "ismrmrd_header"
_NEAR = 0.1  # a field strength is called by a nominal one that it lies this near to, as a share of it
_SILENT = Header(acquisition=Acquisition(), pixel_mm=None)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a scan without its voxels."""

    person: str
    acquisition: Acquisition
    pixel_mm: tuple[float, float] | None
    shape: tuple[int, int, int]  # slices, rows, columns


def read_facts(root: Path, scan: Hdf5Scan, recipe: Recipe) -> Facts:
    """Read the headers of a scan's files.

    Raises
    ------
    ScanError
        A file that does not open, lacks what the recipe reads, names no person, or whose repetitions differ in shape.
    """
    found = [_of_file(root / name, scan, recipe) for name in scan.files]
    first = found[0]
    for name, other in zip(scan.files[1:], found[1:], strict=True):
        if (other.shape, other.person) != (first.shape, first.person):
            raise ScanError(
                f"{name} has shape {other.shape} and person {other.person}, {scan.files[0]} {first.shape} and "
                f"{first.person}: they are no repetitions of one scan"
            )
    return first


def read_magnitudes(root: Path, scan: Hdf5Scan) -> npt.NDArray[np.float32]:
    """Return a scan's magnitudes, repetitions averaged, shape (slices, rows, columns).

    Magnitudes are averaged, not k-space: between repetitions people move and phases drift.

    Raises
    ------
    ScanError
        Voxels that cannot be read, or that are not finite.
    """
    total: npt.NDArray[np.float64] | None = None
    for name in scan.files:
        images = _opened(root / name, lambda opened: _magnitudes(opened, scan.pattern))
        total = images.astype(np.float64) if total is None else total + images
    assert total is not None, "a scan without files"
    mean = (total / len(scan.files)).astype(np.float32)
    if not np.isfinite(mean).all():
        raise ScanError(f"{scan.files[0]} holds voxels that are not finite: fetch it again")
    return mean


def nominal(field_t: float | None, known: tuple[float, ...]) -> float | None:
    """Return what a field strength is called: the nominal one near it, else itself.

    Examples
    --------
    >>> nominal(2.8936, (1.5, 3.0)), nominal(0.55, (1.5, 3.0)), nominal(None, (3.0,))
    (3.0, 0.55, None)
    """
    if field_t is None:
        return None
    near = [one for one in known if abs(field_t - one) <= _NEAR * one]
    return min(near, key=lambda one: abs(field_t - one)) if near else round(field_t, 3)


def _of_file(path: Path, scan: Hdf5Scan, recipe: Recipe) -> Facts:
    person, header, shape = _opened(path, lambda opened: _described(opened, scan))
    protocol = acquisition_of(recipe, {**scan.groups, "sequence": scan.sequence})
    said = {name: getattr(header.acquisition, name) for name in ACQUISITION}
    merged = replace(protocol, **{name: value for name, value in said.items() if value is not None})
    field_t = nominal(merged.field_strength_t, scan.pattern.field_strengths)
    return Facts(
        person=person, acquisition=replace(merged, field_strength_t=field_t), pixel_mm=header.pixel_mm, shape=shape
    )


def _described(opened: Any, scan: Hdf5Scan) -> tuple[str, Header, tuple[int, int, int]]:
    data = _data(opened, scan.pattern)
    shape = (int(data.shape[0]), int(data.shape[-2]), int(data.shape[-1]))
    header = parse_header(_as_bytes(opened[HEADER][()])) if HEADER in opened else _SILENT
    if not scan.pattern.person:
        return scan.subject, header, shape
    if scan.pattern.person not in opened.attrs:
        raise ScanError(f"it has no attribute {scan.pattern.person}, so its person is not known: fetch it again")
    return _as_text(opened.attrs[scan.pattern.person]), header, shape


def _data(opened: Any, pattern: Hdf5Pattern) -> Any:
    if pattern.read not in opened:
        there = ", ".join(sorted(opened)) or "nothing"
        raise ScanError(f"it holds {there}, wanted {pattern.read}: give the files that have it")
    data = opened[pattern.read]
    axes = 4 if pattern.read == "kspace" else 3
    if data.ndim != axes or 0 in data.shape:
        raise ScanError(f"its {pattern.read} has shape {data.shape}, wanted {axes} axes: fetch it again")
    return data


def _magnitudes(opened: Any, pattern: Hdf5Pattern) -> npt.NDArray[np.float32]:
    data = _data(opened, pattern)
    if pattern.read != "kspace":
        return np.abs(np.asarray(data[()])).astype(np.float32)
    return np.stack([root_sum_of_squares(np.asarray(data[i])) for i in range(data.shape[0])])


def _opened(path: Path, use: Callable[[Any], Any]) -> Any:
    h5py = require("h5py", "hdf5", "brainatlas")
    try:
        with h5py.File(path, "r") as opened:
            return use(opened)
    except ScanError as error:
        raise ScanError(f"{path.name}: {error}") from None
    except (
        OSError,
        KeyError,
        RuntimeError,
        ValueError,
        TypeError,
    ) as error:  # all that a damaged file makes h5py raise
        first = " ".join(str(error).split())[:120]
        raise ScanError(f"{path.name} cannot be read ({first}): it is truncated or damaged, fetch it again") from None


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _as_text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
