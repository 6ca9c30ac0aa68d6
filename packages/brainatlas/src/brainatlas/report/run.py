"""An OUT (and true labels) in, ``OUT/report.html`` out: reads every scan, draws it, measures it, says what is odd."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainatlas.cohorts import Scan
from brainatlas.cohorts.read import read_cohorts
from brainatlas.order import rank
from brainatlas.record import OWN, Record, checksum, read_records
from brainatlas.report.page import render
from brainatlas.report.reference import Reference, find_reference
from brainatlas.report.scan import ScanSection, describe_scan, methods_of
from brainatlas.report.truth import Truth, find_truth
from brainatlas.report.wording import Wording, word_methods
from brainatlas.settings import OutSettings, read_settings
from brainatlas.strip.stage import read_scan
from brainatlas.workflow.run import processors
from braincaption.atomic import atomic_path, remove_leftovers
from braincaption.errors import ScanError, UsageError
from braincaption.failures import FailureLog, read_failures
from braincaption.nifti import Volume
from braincaption.progress import track

STAGE = "report"
_SCANS_A_PROCESS = 4  # at the least: starting one takes as long as drawing a scan
_FEWEST = 6  # scans of a cohort before one of them can be called an outlier


@dataclass(frozen=True, kw_only=True)
class _Draughtsman:
    """What every scan's sections are drawn with; sent to each process."""

    reference: Reference | None
    truth: Truth | None
    names: Mapping[int, str]
    heads: Mapping[str, Scan]

    def draw(self, record: Record) -> tuple[list[ScanSection], str]:
        """Return the sections of one scan, and why there are no more of them."""
        sections: list[ScanSection] = []
        try:
            head = _head(record, self.heads)
            for method in _shown_methods(record):
                sections.append(
                    describe_scan(
                        record, method, reference=self.reference, truth=self.truth, names=self.names, head=head
                    )
                )
        except ScanError as error:
            return sections, str(error)
        return sections, ""


def write_report(
    out: Path,
    truth: Path | None = None,
    template: Path | None = None,
    cohorts: Sequence[Path] = (),
    workers: int = 1,
) -> Path:
    """Write ``out/report.html``: one page, nothing outside it needed.

    Parameters
    ----------
    out : Path
        OUT of register (and vote).
    truth : Path, optional
        Folder of true label maps of scans that were voted.
    template : Path, optional
        The file given to register as ``--template``; the default template is found by itself.
    cohorts : sequence of Path
        The folders the scans came from: masks are then shown on the whole heads.
    workers : int
        Processes; 0 takes one a processor. The page does not depend on it.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    UsageError
        `out` holds nothing registered, or `truth` no label map; nothing is written.
    PartialFailure
        The page is written; some scans could not be read and stand in it by name only.
    """
    settings = read_settings(out)
    records = sorted(read_records(out), key=rank(out))
    if not records:
        raise UsageError(f"{out} holds no stripped scan: run brain atlas register again")
    known = find_truth(truth, {record.place.cohort for record in records}) if truth is not None else None
    reference = find_reference(out, settings, template)
    names = _names(settings.numbering)
    heads = {scan.scan_id: scan for cohort in read_cohorts(list(cohorts)) for scan in cohort.scans} if cohorts else {}
    earlier = [row for row in read_failures(out) if row[0] != STAGE]
    log = FailureLog(out, STAGE)
    sections: list[ScanSection] = []
    draughtsman = _Draughtsman(reference=reference, truth=known, names=names, heads=heads)
    for record, (drawn, why) in zip(
        records, track(_drawn(draughtsman, records, workers), "report", len(records)), strict=True
    ):
        sections += drawn
        if why:
            log.add(record.scan_id, why)
    _flag_outliers(sections)
    sections.sort(key=lambda section: section.method in OWN)  # what was made first, what came with the atlas last
    failures = earlier + [(STAGE, *row) for row in log.rows]
    wording = _wording(settings, records, sections, scored=known is not None)
    remove_leftovers(out)
    with atomic_path(out / "report.html") as aside:
        aside.write_text(render(settings, sections, failures, wording, reference), encoding="utf-8")
    log.close()
    return out / "report.html"


def _drawn(
    draughtsman: _Draughtsman, records: Sequence[Record], workers: int
) -> Iterator[tuple[list[ScanSection], str]]:
    count = min(workers or processors(), -(-len(records) // _SCANS_A_PROCESS))
    if count == 1:
        yield from map(draughtsman.draw, records)
        return
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(draughtsman.draw, records)


def _wording(settings: OutSettings, records: list[Record], sections: list[ScanSection], *, scored: bool) -> Wording:
    return word_methods(
        settings,
        scans=len(records),
        atlas=sum(record.labelled for record in records),
        strippers=[record.strip_method for record in records],
        fusers=[section.method for section in sections if section.method],
        scored=scored,
    )


def _shown_methods(record: Record) -> list[str]:
    methods = methods_of(record.place)
    return [record.own] if record.own else methods or [""]


def _head(record: Record, heads: Mapping[str, Scan]) -> Volume | None:
    """Return the scan as it came, if it is at hand and the very file that was worked on."""
    scan = heads.get(record.scan_id)
    if scan is None or checksum(scan.image) != record.source_sha256:
        return None
    return read_scan(scan)


def _names(numbering: str | None) -> dict[int, str]:
    from braincaption.lut import BUILT_IN, load_lut

    if numbering not in BUILT_IN:
        return {}
    return {label: structure.name for label, structure in load_lut(numbering).structures.items()}


def _flag_outliers(sections: list[ScanSection]) -> None:
    """Flag brain volumes far from the rest of their cohort: beyond 3.5 robust standard deviations."""
    for cohort in sorted({section.record.place.cohort for section in sections}):
        mine = [section for section in sections if section.record.place.cohort == cohort]
        volumes = np.array([section.record.volume_ml for section in mine])
        middle = float(np.median(volumes))
        spread = 1.4826 * float(np.median(np.abs(volumes - middle)))
        if len(mine) < _FEWEST or spread == 0:
            continue
        for section, volume in zip(mine, volumes, strict=True):
            if abs(volume - middle) > 3.5 * spread:
                section.flags.append(
                    f"brain of {volume:.0f} ml stands apart from its cohort (median {middle:.0f} ml): look at the mask"
                )
