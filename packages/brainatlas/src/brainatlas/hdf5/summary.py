"""A cohort of HDF5 files in, a page of text out: what is there, and what is wrong with it."""

from __future__ import annotations

from collections import defaultdict

from brainatlas.hdf5.cohort import Hdf5Cohort
from brainatlas.hdf5.volume import Facts, read_facts, read_magnitudes
from braincaption.errors import ScanError
from braincaption.progress import track


def summarise_hdf5(cohort: Hdf5Cohort, headers_only: bool) -> tuple[str, int]:
    """Read a cohort and describe it; return the text and how many scans cannot be used."""
    known: dict[str, list[Facts]] = defaultdict(list)
    problems: list[tuple[str, str]] = []
    for scan in track(cohort.scans, f"reading {cohort.recipe.name}", len(cohort.scans)):
        try:
            facts = read_facts(cohort.root, scan, cohort.recipe)
            if not headers_only:
                read_magnitudes(cohort.root, scan)
        except ScanError as error:
            problems.append((scan.scan_id, str(error)))
            continue
        known[scan.sequence].append(facts)
    recipe = cohort.recipe
    usable = [facts for found in known.values() for facts in found]
    people = len({facts.person for facts in usable})
    lines = [
        f"{recipe.name}: {len(usable)} scans of {people} people (recipe {recipe.name}, HDF5, {cohort.root})",
        f"licence: {recipe.licence}; may be published: {recipe.redistribution}",
        f"cite: {recipe.citation}",
        "",
        *(_line(sequence, found) for sequence, found in sorted(known.items())),
        "",
        "these are no volumes to register: `brain atlas slices` makes a slice folder of them",
    ]
    for title, remarks in (("Notes", cohort.notes), ("Problems", problems)):
        if remarks:
            lines += ["", f"{title} ({len(remarks)})", *(f"  {who}: {what}" for who, what in remarks)]
    return "\n".join(lines), len(problems)


def _line(sequence: str, found: list[Facts]) -> str:
    fields = sorted({facts.acquisition.field_strength_t or 0.0 for facts in found})
    said = ", ".join(f"{field:g} T" if field else "field unknown" for field in fields)
    shapes = sorted({facts.shape for facts in found})
    more = f" (+{len(shapes) - 1} other)" if len(shapes) > 1 else ""
    people = len({facts.person for facts in found})
    return f"{sequence}: {len(found)} scans of {people} people, {said}, {'×'.join(map(str, shapes[0]))}{more}"
