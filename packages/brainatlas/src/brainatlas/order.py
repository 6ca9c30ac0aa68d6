"""An OUT in, the order of its scans out: atlas first, then the cohorts as they came, then the scan id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from brainatlas.record import Record
from brainatlas.settings import read_settings


def rank(out: Path) -> Callable[[Record], tuple[int, int, bytes]]:
    """Return the sort key of the records of `out`; later in this order → earlier is the forward direction."""
    position = {cohort: number for number, cohort in enumerate(read_settings(out).cohorts)}

    def key(record: Record) -> tuple[int, int, bytes]:
        cohort = position.get(record.place.cohort, len(position))
        return (0 if record.labelled else 1, cohort, record.scan_id.encode())

    return key
