"""A scan in, its JSON sidecar in OUT out, and back: what later stages know about a scan stands beside its brain.

The sidecar uses BIDS' names for acquisition (seconds, tesla) and one block ``brainatlas`` for the rest. Nothing in it
depends on where OUT lies.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brainatlas.cohorts import Scan
from brainatlas.cohorts.acquisition import Acquisition, acquired
from brainatlas.layout import Place
from braincaption.atomic import atomic_path
from braincaption.errors import ScanError

BLOCK = "brainatlas"
MANUAL, CARRIED = OWN = ("manual", "carried")
# Scan's name, BIDS' name, factor from ours to BIDS' unit.
_ACQUISITION = (
    ("field_strength_t", "MagneticFieldStrength", 1.0),
    ("tr_ms", "RepetitionTime", 1e-3),
    ("te_ms", "EchoTime", 1e-3),
    ("ti_ms", "InversionTime", 1e-3),
    ("flip_deg", "FlipAngle", 1.0),
)
_TEXT = (("manufacturer", "Manufacturer"), ("scanner", "ManufacturersModelName"))


@dataclass(frozen=True, kw_only=True)
class Record(Acquisition):
    """A scan that stands in OUT, and how it was acquired.

    Attributes
    ----------
    place : Place
    person : str
        ``<cohort>/<person>``.
    licence, redistribution : str
    age, sex
        As in `Scan`.
    source_sha256 : str
        Checksum of the scan as it came: a repaired file is worked on again.
    strip_method : str
        ``deepbet``, ``template``, ``mask``, ``command``, or ``none`` when the scan came stripped.
    n4 : bool
        Whether its bias field was removed.
    volume_ml : float
        Volume of the brain mask.
    flags : tuple of str
        What is implausible about the scan, each with a reason.
    """

    place: Place
    person: str
    licence: str = "unknown"
    redistribution: str = "unknown"
    age: float | None = None
    sex: str | None = None
    source_sha256: str = ""
    strip_method: str = "none"
    n4: bool = False
    volume_ml: float = 0.0
    flags: tuple[str, ...] = ()

    @property
    def scan_id(self) -> str:
        """The scan's id."""
        return self.place.scan_id

    @property
    def own(self) -> str:
        """Name of the labels the scan brought: ``manual``, ``carried`` (voted in another OUT), or "" without any."""
        return next((name for name in OWN if self.place.labels(name).exists()), "")

    @property
    def labelled(self) -> bool:
        """Whether the scan brought labels of its own: whether it belongs to the atlas."""
        return bool(self.own)


def describe(
    scan: Scan, place: Place, *, source_sha256: str, method: str, n4: bool, volume_ml: float, flags: list[str]
) -> Record:
    """Return the record of a scan that has just been stripped."""
    return Record(
        place=place,
        person=scan.person,
        licence=scan.licence,
        redistribution=scan.redistribution,
        age=scan.age,
        sex=scan.sex,
        **acquired(scan),
        source_sha256=source_sha256,
        strip_method=method,
        n4=n4,
        volume_ml=round(volume_ml, 3),
        flags=tuple(flags),
    )


def write_record(record: Record) -> None:
    """Write the sidecar; the last file of a stripped scan."""
    content: dict[str, Any] = {"SkullStripped": True}
    for ours, bids, factor in _ACQUISITION:
        value = getattr(record, ours)
        if value is not None:
            content[bids] = _short(value * factor)
    for ours, bids in _TEXT:
        if getattr(record, ours) is not None:
            content[bids] = getattr(record, ours)
    content[BLOCK] = {
        "scan_id": record.scan_id,
        "person": record.person,
        "age": record.age,
        "sex": record.sex,
        "licence": record.licence,
        "redistribution": record.redistribution,
        "source_sha256": record.source_sha256,
        "strip_method": record.strip_method,
        **({"n4": True} if record.n4 else {}),
        "volume_ml": record.volume_ml,
        "flags": list(record.flags),
    }
    write_json(record.place.sidecar, content)


def read_record(place: Place) -> Record:
    """Read the sidecar of a stripped scan.

    Raises
    ------
    ScanError
        It is missing or damaged.
    """
    content = read_json(place.sidecar)
    block = content.get(BLOCK)
    if not isinstance(block, dict) or "person" not in block:
        raise ScanError(f"{place.sidecar} was not written by brainatlas: run brain atlas strip --force again")
    acquisition = {
        ours: None if content.get(bids) is None else _short(float(content[bids]) / factor)
        for ours, bids, factor in _ACQUISITION
    }
    return Record(
        place=place,
        person=block["person"],
        licence=block.get("licence", "unknown"),
        redistribution=block.get("redistribution", "unknown"),
        age=block.get("age"),
        sex=block.get("sex"),
        manufacturer=content.get("Manufacturer"),
        scanner=content.get("ManufacturersModelName"),
        source_sha256=block.get("source_sha256", ""),
        strip_method=block.get("strip_method", "none"),
        n4=bool(block.get("n4", False)),
        volume_ml=float(block.get("volume_ml", 0.0)),
        flags=tuple(block.get("flags", ())),
        **acquisition,
    )


def read_records(out: Path) -> list[Record]:
    """Read every stripped scan of `out`, sorted by scan id."""
    records = []
    for sidecar in sorted(out.glob("*/sub-*/**/anat/*_desc-brain_*.json")):
        if sidecar.name.endswith("_mask.json"):
            continue
        stem, _, suffix = sidecar.name.removesuffix(".json").partition("_desc-brain_")
        cohort = sidecar.relative_to(out).parts[0]
        records.append(read_record(Place(out=out, cohort=cohort, stem=stem, suffix=suffix)))
    return sorted(records, key=lambda record: record.scan_id.encode())


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as indented JSON, whole or not at all."""
    with atomic_path(path) as aside:
        aside.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ScanError
        The file is missing, or holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ScanError(f"{path} cannot be read ({error}): delete it and run the same command again") from None
    if not isinstance(content, dict):
        raise ScanError(f"{path} holds no JSON object: delete it and run the same command again")
    return content


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _short(value: float) -> float:
    # Seven digits: enough for float32, and 2.3 s stays 2.3 after a round trip through milliseconds.
    return float(np.format_float_scientific(value, precision=6))
