"""An OUT with labels in, ``catalog.parquet`` out: a row for each labelled scan in each space, no volume written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from brainatlas.catalog.rows import Entry, grid_of, row, to_batches
from brainatlas.fusion.methods import fuser_names
from brainatlas.geometry import Matrix, compose
from brainatlas.order import rank
from brainatlas.record import BLOCK, MANUAL, Record, read_json, read_records
from brainatlas.register.maps import from_template, point_map
from brainatlas.register.syn import AFFINE
from brainatlas.settings import OutSettings, read_settings
from braincaption.atomic import atomic_path, remove_leftovers
from braincaption.errors import ScanError, UsageError
from braincaption.failures import FailureLog
from braincaption.progress import track
from braincaption.schema import CATALOG

STAGE = "expand"
PAIRS = ("all", "atlas-cohort")
# A row is one matrix, so that its volume can be made anywhere from the row alone.
WARPS = "the affine part of the registration; its SyN warps served the vote only"


def expand(out: Path, *, pairs: str = PAIRS[0], labels: str | None = None) -> int:
    """Write the catalog and return its number of rows.

    Parameters
    ----------
    out : Path
    pairs : str
        ``all``: every scan in every space; ``atlas-cohort``: each scan in its own space, and atlas and cohort scans in
        each other's.
    labels : str or None
        The fuser whose labels are taken; None takes the only one that voted.

    Raises
    ------
    UsageError
        Nothing is registered or voted there, or the arguments do not fit.
    PartialFailure
        Some scans have no labels or transform; the catalog holds the others.
    """
    if pairs not in PAIRS:
        raise UsageError(f"--pairs {pairs!r} came, wanted one of {', '.join(PAIRS)}")
    settings = read_settings(out)
    records = sorted(read_records(out), key=rank(out))
    method = _method(out, records, labels)
    remove_leftovers(out)
    log = FailureLog(out, STAGE)
    entries = []
    for record in records:
        try:
            entries.append(_entry(record, method, settings))
        except ScanError as error:
            log.add(record.scan_id, str(error))
    if not entries:
        raise UsageError(f"{out} holds no labelled scan: run brain atlas vote {out} first")
    number = _write(out, _rows(entries, pairs, settings, log), settings, _cohorts(entries, settings))
    log.close()
    return number


def _method(out: Path, records: list[Record], asked: str | None) -> str:
    cohort = [record for record in records if not record.labelled]
    voted = sorted({name for name in fuser_names() for record in cohort if record.place.label_record(name).exists()})
    if asked is not None and asked not in voted and cohort:
        raise UsageError(f"{out} holds no labels of {asked!r} (there are: {', '.join(voted) or 'none'}): vote first")
    if asked is None and len(voted) > 1:
        raise UsageError(f"{out} holds labels of {', '.join(voted)}: say which with --labels METHOD")
    if cohort and not voted:
        raise UsageError(f"{out} holds no voted labels: run brain atlas vote {out} first")
    return asked or (voted[0] if voted else MANUAL)


def _entry(record: Record, method: str, settings: OutSettings) -> Entry:
    own = record.own or method
    stored = record.place.label_record(own)
    if not stored.exists():
        raise ScanError(f"it has no labels of {own}: run brain atlas vote again")
    if settings.scheme == "template":
        from_template(record.place)  # raises where the scan is not registered
    block = read_json(stored).get(BLOCK, {})
    affine, shape = grid_of(record.place.brain)
    return Entry(
        record=record,
        label_path=record.place.labels(own).relative_to(record.place.out).as_posix(),
        label_origin=block.get("label_origin", own),
        label_subjects=tuple(block.get("label_subjects", ())),
        affine=affine,
        shape=shape,
    )


def _rows(entries: list[Entry], pairs: str, settings: OutSettings, log: FailureLog) -> Iterator[dict[str, Any]]:
    rank_of = {entry.record.scan_id: number for number, entry in enumerate(entries)}
    by_id = sorted(entries, key=lambda entry: f"{entry.record.scan_id}@".encode())  # as volume ids sort
    common = _common_maps(entries) if settings.scheme == "template" else {}
    for image in track(by_id, "catalog"):
        for space in by_id:
            if pairs == "atlas-cohort" and image is not space and image.record.labelled == space.record.labelled:
                continue
            try:
                matrix = _matrix(space, image, common, settings)
            except ScanError as error:
                log.add(f"{image.record.scan_id}@{space.record.scan_id}", str(error))
                continue
            yield row(image, space, matrix, _direction(rank_of, image, space))


def _common_maps(entries: list[Entry]) -> dict[str, Matrix]:
    return {entry.record.scan_id: from_template(entry.record.place) for entry in entries}


def _matrix(space: Entry, image: Entry, common: dict[str, Matrix], settings: OutSettings) -> Matrix:
    if common and space is not image:
        return compose(common[space.record.scan_id], common[image.record.scan_id])
    return point_map(space.record.place, image.record.place, settings.scheme)


def _direction(rank_of: dict[str, int], image: Entry, space: Entry) -> str:
    if image is space:
        return "native"
    return "forward" if rank_of[image.record.scan_id] > rank_of[space.record.scan_id] else "inverse"


def _cohorts(entries: list[Entry], settings: OutSettings) -> dict[str, dict[str, object]]:
    """Return what captions and publishing must know of each cohort; the strictest word of any scan holds for all."""
    strictest = ("no", "ask", "unknown", "yes")
    found: dict[str, dict[str, object]] = {}
    for entry in entries:
        record = entry.record
        cohort = found.setdefault(
            record.person.partition("/")[0],
            {"licence": record.licence, "redistribution": "yes", "stripped": True},  # image_path is the brain alone
        )
        if settings.numbering is not None:
            cohort["numbering"] = settings.numbering
        if record.place.cohort in settings.citations:
            cohort["citation"] = settings.citations[record.place.cohort]
        words = (str(cohort["redistribution"]), record.redistribution)
        cohort["redistribution"] = min(words, key=strictest.index)
    return found


def _write(
    out: Path, rows: Iterator[dict[str, Any]], settings: OutSettings, cohorts: dict[str, dict[str, object]]
) -> int:
    note = "affine" if settings.transform == AFFINE else WARPS
    about = {"brainatlas.transform": note, "brainatlas.scheme": settings.scheme}
    schema = CATALOG.with_metadata({**about, "brain.cohorts": json.dumps(cohorts, sort_keys=True)})
    number = 0
    with atomic_path(out / "catalog.parquet") as aside, pq.ParquetWriter(aside, schema, compression="zstd") as writer:
        for batch in to_batches(rows):
            writer.write_batch(batch)
            number += batch.num_rows
    return number
