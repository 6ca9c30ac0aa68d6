"""Nothing in, how a scan was acquired out: the fields that an image of a layout, a scan and a record of OUT share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """How a scan was acquired; None where nobody says.

    Attributes
    ----------
    field_strength_t : float or None
        Tesla.
    manufacturer, scanner : str or None
        Maker and model of the scanner.
    tr_ms, te_ms, ti_ms : float or None
        Repetition, echo and inversion time, ms.
    flip_deg : float or None
        Flip angle, degrees.
    """

    field_strength_t: float | None = None
    manufacturer: str | None = None
    scanner: str | None = None
    tr_ms: float | None = None
    te_ms: float | None = None
    ti_ms: float | None = None
    flip_deg: float | None = None


ACQUISITION = tuple(field.name for field in fields(Acquisition))


def acquired(scan: Acquisition) -> dict[str, Any]:
    """Return the fields of `scan` that say how it was acquired."""
    return {name: getattr(scan, name) for name in ACQUISITION}
