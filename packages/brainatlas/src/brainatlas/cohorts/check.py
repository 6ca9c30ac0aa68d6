"""A read cohort in, what only its voxels tell out: truncated or empty scans, odd labels, one scan under two ids."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from brainatlas.cohorts.header import quiet_nibabel
from brainatlas.cohorts.model import Cohort, Scan
from brainatlas.cohorts.numbering import recognise, unknown_ids
from braincaption.errors import ScanError
from braincaption.nifti import load_image, load_labels
from braincaption.progress import track

# Reading is decompression, which threads do side by side; each holds one volume in memory.
_MOST_THREADS = 4
_SHOWN_IDS = 12


@dataclass(frozen=True, kw_only=True)
class VoxelCheck:
    """What the voxels of one scan tell.

    Attributes
    ----------
    scan : Scan
    problem : str or None
        Why the scan cannot be used.
    digest : str
        Checksum of its voxels; empty where they could not be read.
    ids : tuple of int
        Ids in its label map, without background.
    """

    scan: Scan
    problem: str | None = None
    digest: str = ""
    ids: tuple[int, ...] = ()


def check_scan(scan: Scan) -> VoxelCheck:
    """Read one scan and its labels whole."""
    try:
        data = load_image(scan.image).data
        digest = _digest(data)
    except ScanError as error:
        return VoxelCheck(scan=scan, problem=str(error))
    if scan.labels is None:
        return VoxelCheck(scan=scan, digest=digest)
    try:
        counts = np.bincount(load_labels(scan.labels).data.ravel())
    except ScanError as error:
        return VoxelCheck(scan=scan, problem=str(error), digest=digest)
    ids = tuple(int(index) for index in np.flatnonzero(counts) if index)
    empty = None if ids else f"{scan.labels} holds no label at all: export it again or leave the scan out"
    return VoxelCheck(scan=scan, problem=empty, digest=digest, ids=ids)


def check_cohort(cohort: Cohort) -> tuple[Cohort, tuple[int, ...]]:
    """Read every scan of a cohort whole, and move those that cannot be used to its problems.

    Returns
    -------
    Cohort
        With problems and notes added.
    tuple of int
        Ids that occur in its label maps.
    """
    checks = list(_checks(cohort))
    problems = {check.scan.scan_id: check.problem for check in checks if check.problem is not None}
    problems.update(_other_numbering(cohort, checks))
    problems.update({key: said for key, said in _repeated(checks).items() if key not in problems})
    ids = sorted({index for check in checks for index in check.ids})
    strange = unknown_ids(ids, cohort.numbering)
    notes = list(cohort.notes)
    if strange:
        listed = ", ".join(map(str, strange[:_SHOWN_IDS])) + (" …" if len(strange) > _SHOWN_IDS else "")
        notes.append((cohort.name, f"label ids that {cohort.numbering} maps do not usually hold: {listed}"))
    checked = replace(
        cohort,
        scans=tuple(scan for scan in cohort.scans if scan.scan_id not in problems),
        problems=tuple(sorted((*cohort.problems, *problems.items()))),
        notes=tuple(notes),
    )
    return checked, tuple(ids)


def _digest(data: npt.NDArray[np.generic]) -> str:
    # Volumes come in Fortran order: their transpose is hashed without a copy.
    checksum = hashlib.sha256(str(data.shape).encode())
    checksum.update(np.ascontiguousarray(data.T).data)
    return checksum.hexdigest()


def _checks(cohort: Cohort) -> Iterator[VoxelCheck]:
    with quiet_nibabel(), ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as threads:
        yield from track(threads.map(check_scan, cohort.scans), f"reading {cohort.name}", len(cohort.scans))


def _other_numbering(cohort: Cohort, checks: list[VoxelCheck]) -> dict[str, str]:
    found = {check.scan.scan_id: recognise(check.ids) for check in checks}
    return {
        scan_id: f"its labels are numbered as {numbering}, the cohort's as {cohort.numbering}: renumber or leave it out"
        for scan_id, numbering in found.items()
        if numbering is not None and cohort.numbering is not None and numbering != cohort.numbering
    }


def _repeated(checks: list[VoxelCheck]) -> dict[str, str]:
    same: dict[str, list[str]] = defaultdict(list)
    for check in checks:
        if check.digest:
            same[check.digest].append(check.scan.scan_id)
    return {
        repeat: f"has the same voxels as {first}: leave one out, or it counts as two scans"
        for first, *repeats in same.values()
        for repeat in repeats
    }
