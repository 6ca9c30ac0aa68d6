"""A cohort of HDF5 files in, a slice folder out: captioned by contrast and field strength, split by person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainatlas.hdf5.cohort import Hdf5Cohort, Hdf5Scan
from brainatlas.hdf5.picture import RULE, foreground, pixel_mm, square_picture, white
from brainatlas.hdf5.volume import Facts, read_facts, read_magnitudes
from braincaption.atomic import atomic_path
from braincaption.errors import ScanError, UsageError
from braincaption.failures import FailureLog
from braincaption.language import load_language
from braincaption.progress import track
from braincaption.render.settings import SplitSettings, ViewSettings
from braincaption.slicefolder import Picture, write_slices
from braincaption.splits import person_sides

ABOUT = "slices.json"
Known = dict[str, tuple[Hdf5Scan, Facts]]
Rows = Iterator[tuple[dict[str, Any], "partial[Picture]"]]


def write_hdf5_slices(cohort: Hdf5Cohort, out: Path, view: ViewSettings, least: float, seed: int) -> int:
    """Write the slices of every readable scan; return their number.

    Parameters
    ----------
    cohort : Hdf5Cohort
    out : Path
        Slice folder; pictures already there are kept.
    view : ViewSettings
    least : float
        Leave out slices with less than this share of the foreground of the scan's fullest slice.
    seed : int
        Decides who is in which split.

    Raises
    ------
    UsageError
        Impossible sizes, or `out` holds slices made with other options.
    PartialFailure
        Some files cannot be read; the others are done.
    """
    _check(view, least)
    settings = {"cohort": cohort.recipe.name, "view": asdict(view), "least": least, "seed": seed, "window": RULE}
    _check_settings(out, settings)
    log = FailureLog(out, "slices")
    known: Known = {}
    for scan in track(cohort.scans, "Reading headers", len(cohort.scans)):
        try:
            known[scan.scan_id] = (scan, read_facts(cohort.root, scan, cohort.recipe))
        except ScanError as error:
            log.add(scan.scan_id, str(error))
    if not known:
        log.close()
    people = {_person(cohort, facts) for _, facts in known.values()}
    sides = person_sides(people, (), SplitSettings(seed=seed))
    with atomic_path(out / ABOUT) as aside:
        aside.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    count = write_slices(out, _rows(cohort, known, sides, view, least, log), about={"window": RULE})
    log.close()
    return count


def caption_of(scan: Hdf5Scan, facts: Facts) -> str:
    """Return what a slice of the scan is, in a sentence.

    Nobody has labelled these slices, so that there is no structure to name.
    """
    language = load_language("en")
    field = language.field(facts.acquisition.field_strength_t)
    said = f"{scan.pattern.plane} {language.sequence(scan.sequence)} of the brain" + (f" at {field}" if field else "")
    return said[0].upper() + said[1:] + "."


def _rows(
    cohort: Hdf5Cohort, known: Known, sides: dict[str, str], view: ViewSettings, least: float, log: FailureLog
) -> Rows:
    for scan, facts in track(known.values(), "Drawing slices", len(known)):
        try:
            data = read_magnitudes(cohort.root, scan)
        except ScanError as error:
            log.add(scan.scan_id, str(error))
            continue
        person = _person(cohort, facts)
        yield from _of_scan(data, scan, facts, {"person": person, "split": sides[person]}, view, least)


def _of_scan(
    data: npt.NDArray[np.float32],
    scan: Hdf5Scan,
    facts: Facts,
    who: dict[str, str],
    view: ViewSettings,
    least: float,
) -> Rows:
    shown = foreground(data).sum(axis=(1, 2))
    bright, size_mm = white(data), pixel_mm(facts.shape[1:], facts.pixel_mm, view)
    for index in np.flatnonzero(shown >= least * shown.max()).tolist():
        row = {
            "volume_id": f"{scan.scan_id}@{scan.scan_id}",
            "plane": scan.pattern.plane,
            "index": index,
            "caption": caption_of(scan, facts),
            "sequence": scan.sequence,
            "field_strength_t": facts.acquisition.field_strength_t,
            "pixel_mm": None if facts.pixel_mm is None else view.pixel_mm,
            "window_low": 0.0,
            "window_high": bright,
            **who,
        }
        yield row, partial(square_picture, data[index], size_mm, bright, view)


def _person(cohort: Hdf5Cohort, facts: Facts) -> str:
    return f"{cohort.recipe.name}/{facts.person}"


def _check(view: ViewSettings, least: float) -> None:
    if not 8 <= view.size <= 4096:
        raise UsageError(f"--size {view.size}: wanted 8 to 4096 pixels")
    if not 10 <= view.fov_mm <= 1000:
        raise UsageError(f"--fov {view.fov_mm:g}: wanted 10 to 1000 mm")
    if not 0 <= least <= 1:
        raise UsageError(f"--least {least:g}: wanted 0 to 1")


def _check_settings(out: Path, settings: dict[str, object]) -> None:
    about = out / ABOUT
    if about.is_file():
        if json.loads(about.read_text(encoding="utf-8")) != json.loads(json.dumps(settings)):
            raise UsageError(f"{out} holds slices made with other options: give another --out, or delete it")
    elif out.exists() and any(path.name != "logs" for path in out.iterdir()):
        raise UsageError(f"{out} is not empty and not a slice folder of ours: give another --out")
