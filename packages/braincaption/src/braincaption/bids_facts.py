"""A BIDS folder in, what its text files say out: age and sex of people, acquisition of an image, licence."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from braincaption.errors import UsageError

_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}
_MISSING = {"", "n/a", "na", "nan", "none", "unknown"}
# Sidecar key, column of the catalog, factor to the column's unit.
_NUMBERS = (
    ("MagneticFieldStrength", "field_strength_t", 1.0),
    ("RepetitionTime", "tr_ms", 1000.0),
    ("EchoTime", "te_ms", 1000.0),
    ("InversionTime", "ti_ms", 1000.0),
    ("FlipAngle", "flip_deg", 1.0),
)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Age in years and sex (M, F or O) of a person, None where unknown."""

    age: float | None
    sex: str | None


def people(root: Path) -> dict[str, Facts]:
    """Return what ``participants.tsv`` says, by participant label without ``sub-``; {} where there is none."""
    path = next((place / "participants.tsv" for place in _upwards(root) if (place / "participants.tsv").exists()), None)
    if path is None:
        return {}
    found = {}
    with path.open(newline="", encoding="utf-8-sig") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            if row.get("participant_id") is None:
                raise UsageError(f"{path} has no column participant_id: repair its first line")
            found[row["participant_id"].removeprefix("sub-")] = Facts(
                age=_age(row.get("age")), sex=_sex(row.get("sex"))
            )
    return found


def acquisition(image: Path) -> dict[str, Any]:
    """Return acquisition columns from the JSON sidecar beside `image`; {} where there is none."""
    sidecar = image.with_name(image.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    if not sidecar.exists():
        return {}
    written = _json(sidecar)
    found: dict[str, Any] = {}
    for key, column, factor in _NUMBERS:
        if isinstance(written.get(key), int | float):
            found[column] = float(written[key]) * factor
    for key, column in (("Manufacturer", "manufacturer"), ("ManufacturersModelName", "scanner")):
        if isinstance(written.get(key), str):
            found[column] = written[key]
    return found


def licence(root: Path) -> str:
    """Return what ``dataset_description.json`` names as licence, or ``unknown``."""
    for place in _upwards(root):
        path = place / "dataset_description.json"
        if path.exists() and (named := _json(path).get("License")):
            return str(named)
    return "unknown"


def _upwards(root: Path) -> list[Path]:
    # A derivatives folder often leaves these files to the dataset it belongs to.
    return [root, root.parent.parent] if root.parent.name == "derivatives" else [root]


def _json(path: Path) -> dict[str, Any]:
    try:
        written = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no readable JSON ({str(error)[:60]}): repair it") from None
    return written if isinstance(written, dict) else {}


def _age(text: str | None) -> float | None:
    plain = (text or "").strip().lower()
    if plain in _MISSING:
        return None
    try:
        age = float(plain.rstrip("+y "))
    except ValueError:
        return None
    return min(age, 90.0) if 0 <= age < 130 else None


def _sex(text: str | None) -> str | None:
    return _SEXES.get((text or "").strip().lower())
