"""Records in, what makes each cohort folder a BIDS derivatives dataset out: description, participants, ignores."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from brainatlas import __version__
from brainatlas.record import Record, write_json
from braincaption.atomic import atomic_path

BIDS_VERSION = "1.10.0"
# BIDS has no rule for transforms yet (BEP014); fMRIPrep ignores them likewise.
_IGNORED = "*_xfm.*\nlogs/\n"


def describe_cohorts(out: Path, records: list[Record]) -> None:
    """Write ``dataset_description.json``, ``participants.tsv`` and ``.bidsignore`` of every cohort in `records`."""
    for cohort in sorted({record.place.cohort for record in records}):
        folder = out / cohort
        mine = [record for record in records if record.place.cohort == cohort]
        write_json(folder / "dataset_description.json", _description(cohort, mine))
        _write_text(folder / ".bidsignore", _IGNORED)
        _write_text(folder / "README.md", _readme(cohort))
        _write_participants(folder / "participants.tsv", mine)
        write_json(folder / "participants.json", _PARTICIPANTS)


def _description(cohort: str, records: list[Record]) -> dict[str, Any]:
    return {
        "Name": f"{cohort}: stripped, registered and labelled",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "License": records[0].licence,
        "SkullStripped": True,
        "GeneratedBy": [{"Name": "brainatlas", "Version": __version__}],
    }


_PARTICIPANTS: dict[str, Any] = {
    "participant_id": {"Description": "subject label, as in the folder names"},
    "age": {"Description": "age at the scan", "Units": "year"},
    "sex": {"Description": "sex of the participant", "Levels": {"M": "male", "F": "female", "O": "other"}},
}


def _readme(cohort: str) -> str:
    return (
        f"# {cohort}\n\nDerivatives made by brainatlas {__version__}: skull-stripped scans (desc-brain), brain masks, "
        "affine transforms to\nthe template, and label maps (desc-manual: the source's own; others: voted, with a "
        "confidence map).\nAcquisition parameters, and how each file was made, stand in the JSON sidecars.\n"
    )


def _write_participants(path: Path, records: list[Record]) -> None:
    rows: dict[str, tuple[str, str]] = {}
    for record in records:
        subject = record.place.stem.split("_")[0]
        age = "n/a" if record.age is None else f"{record.age:g}"
        if subject not in rows or rows[subject][0] == "n/a":
            rows[subject] = (age, record.sex or "n/a")
    with atomic_path(path) as aside, aside.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(("participant_id", "age", "sex"))
        writer.writerows((subject, *rows[subject]) for subject in sorted(rows))


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as aside:
        aside.write_text(text, encoding="utf-8")
