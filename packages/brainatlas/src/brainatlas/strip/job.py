"""A job of the strip stage in, its scan's brain (and an atlas scan's labels) in OUT out, where missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from brainatlas.cohorts import Scan
from brainatlas.labelfile import carry_labels, labels_are_current
from brainatlas.strip.methods import StripSettings
from brainatlas.strip.stage import is_current, strip_scan


@dataclass(frozen=True, kw_only=True)
class StripJob:
    """Strip one scan.

    Attributes
    ----------
    scan : Scan
    out : Path
    settings : StripSettings
    with_labels : bool
        Whether the scan belongs to the atlas, so that its labels come along.
    numbering : str or None
        Table that the atlas' label ids belong to, where that is known.
    """

    scan: Scan
    out: Path
    settings: StripSettings
    with_labels: bool = False
    numbering: str | None = None

    @property
    def identifier(self) -> str:
        """Scan id."""
        return self.scan.scan_id

    @property
    def done(self) -> bool:
        """Whether OUT holds all of it already."""
        stripped = not self.settings.force and is_current(self.scan, self.out, n4=self.settings.n4)
        return stripped and (not self.with_labels or labels_are_current(self.scan, self.out))


def absolute(scan: Scan) -> Scan:
    """Return `scan` with absolute paths: nodes run in folders of their own."""
    return replace(
        scan,
        image=scan.image.absolute(),
        labels=scan.labels.absolute() if scan.labels else None,
        mask=scan.mask.absolute() if scan.mask else None,
    )


def do_strip(job: StripJob) -> None:
    """Do what is missing of `job`; raises `ScanError` where the scan or its labels are broken."""
    if job.settings.force or not is_current(job.scan, job.out, n4=job.settings.n4):
        strip_scan(job.scan, job.out, job.settings)
    if job.with_labels and not labels_are_current(job.scan, job.out):
        carry_labels(job.scan, job.out, job.numbering)
