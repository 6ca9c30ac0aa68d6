"""A read cohort in, a page of text out: what is there, what is known of it, what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from brainatlas.cohorts.header import read_grid
from brainatlas.cohorts.model import Cohort, Scan
from braincaption.orientation import axcodes

_MOST_LISTED = 20
_ACQUISITION = {
    "field strength": "field_strength_t",
    "maker": "manufacturer",
    "TR": "tr_ms",
    "TE": "te_ms",
    "TI": "ti_ms",
    "flip angle": "flip_deg",
}


def summarise(cohort: Cohort, ids: Sequence[int] | None = None) -> str:
    """Describe a cohort in plain text.

    Parameters
    ----------
    cohort : Cohort
    ids : sequence of int, optional
        Label ids that occur, where the label maps were read.
    """
    layout = f"recipe {cohort.recipe}" if cohort.recipe else "BIDS"
    people = len({scan.person for scan in cohort.scans})
    held = f"{_count(len(cohort.scans), 'scan')} of {_count(people, 'person', 'people')}"
    parts = [
        f"{cohort.name}: {held} ({layout}, {cohort.root})",
        f"licence: {cohort.licence}; may be published: {cohort.redistribution}",
    ]
    if cohort.citation:
        parts.append(f"cite: {cohort.citation}")
    if cohort.scans:
        parts += ["", *_table(cohort.scans), "", _people(cohort.scans), _acquired(cohort.scans), _labels(cohort, ids)]
    parts += _remarks("Notes", cohort.notes) + _remarks("Problems", cohort.problems)
    return "\n".join(parts)


def _table(scans: Sequence[Scan]) -> list[str]:
    rows = [("sequence", "scans", "people", "sessions", "labelled", "skull", "grid", "voxel mm", "axes")]
    for suffix in sorted({scan.suffix for scan in scans}):
        mine = [scan for scan in scans if scan.suffix == suffix]
        grids = [read_grid(scan.image, scan.affine) for scan in mine]
        sessions = {(scan.subject, scan.session) for scan in mine if scan.session is not None}
        rows.append(
            (
                suffix,
                str(len(mine)),
                str(len({scan.person for scan in mine})),
                str(len(sessions) or "-"),
                str(sum(scan.labels is not None for scan in mine)),
                _most("unknown" if scan.stripped is None else "removed" if scan.stripped else "there" for scan in mine),
                _most("×".join(map(str, grid.shape)) for grid in grids),
                _most("×".join(f"{zoom:.3g}" for zoom in grid.zooms) for grid in grids),
                _most(axcodes(grid.affine) for grid in grids),
            )
        )
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _most(values: Iterable[str]) -> str:
    counts = Counter(values)
    value, _ = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return value if len(counts) == 1 else f"{value} (+{len(counts) - 1} other)"


def _people(scans: Sequence[Scan]) -> str:
    by_person = {scan.person: scan for scan in reversed(scans)}
    ages = sorted(scan.age for scan in by_person.values() if scan.age is not None)
    sexes = Counter(scan.sex for scan in by_person.values() if scan.sex is not None)
    span = "unknown"
    if ages:
        until = f" to {ages[-1]:g}" if ages[-1] > ages[0] else ""
        span = f"{ages[0]:g}{until} years (known of {len(ages)} of {len(by_person)})"
    listed = ", ".join(f"{count} {sex}" for sex, count in sorted(sexes.items())) or "unknown"
    return f"age: {span}; sex: {listed}"


def _acquired(scans: Sequence[Scan]) -> str:
    known = {name: sum(getattr(scan, key) is not None for scan in scans) for name, key in _ACQUISITION.items()}
    said = ", ".join(f"{name} {count}" for name, count in known.items() if count)
    return f"acquisition known of {len(scans)} scans: {said or 'nothing'}"


def _labels(cohort: Cohort, ids: Sequence[int] | None) -> str:
    labelled = sum(scan.labels is not None for scan in cohort.scans)
    if not labelled:
        return "labels: none"
    held = f", {len(ids)} structures" if ids else ""
    return f"labels: {labelled} of {len(cohort.scans)} scans, numbering {cohort.numbering or 'not recognised'}{held}"


def _remarks(title: str, remarks: Sequence[tuple[str, str]]) -> list[str]:
    if not remarks:
        return []
    shown = [f"  {who}: {what}" for who, what in remarks[:_MOST_LISTED]]
    more = [f"  … and {len(remarks) - _MOST_LISTED} more"] if len(remarks) > _MOST_LISTED else []
    return ["", f"{title} ({len(remarks)})", *shown, *more]


def _count(number: int, one: str, several: str | None = None) -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"
