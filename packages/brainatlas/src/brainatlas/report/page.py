"""Sections, settings and wording in, the HTML of the page out; everything that came from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence

import jinja2

from brainatlas.report.reference import Reference
from brainatlas.report.scan import ScanSection
from brainatlas.report.wording import Wording
from brainatlas.settings import OutSettings


def render(
    settings: OutSettings,
    sections: Sequence[ScanSection],
    failures: Sequence[tuple[str, str, str]],
    wording: Wording,
    reference: Reference | None,
) -> str:
    """Return the page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("brainatlas.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scored = [section for section in sections if section.mean_dice is not None]
    return environment.get_template("page.html").render(
        settings=settings,
        sections=sections,
        failures=failures,
        wording=wording,
        reference=reference,
        flagged=[section for section in sections if section.flags],
        dice=sum(section.mean_dice or 0 for section in scored) / len(scored) if scored else None,
        scans=len({section.record.scan_id for section in sections}),
        people=len({section.record.person for section in sections}),
    )
