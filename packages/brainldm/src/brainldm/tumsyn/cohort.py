"""A BIDS folder in, its scans with facts, persons and sides out: what a model of volumes learns from."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from braincaption.bids_facts import Facts as Person
from braincaption.bids_facts import acquisition, licence, people
from braincaption.errors import UsageError
from braincaption.render.settings import SplitSettings
from braincaption.splits import SIDES, person_sides
from brainldm.tumsyn.facts import Facts

_NOT_SCANS = ("dseg", "mask", "probseg", "xfm", "defacemask")
_STRIPPED = "_desc-brain_"


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A scan of a cohort.

    Attributes
    ----------
    path : Path
    name : str
        Cohort, entities and suffix.
    person : str
        ``cohort/label``.
    session : str
        What scans share that show one person on one day.
    side : str
        train, validation or test.
    facts : Facts
        All but the voxel size, which the file itself says.
    """

    path: Path
    name: str
    person: str
    session: str
    side: str
    facts: Facts


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Scans in the order of their names, and the licences of the folders they come from."""

    scans: tuple[Scan, ...]
    licences: tuple[str, ...]


def read_cohort(folder: Path) -> Cohort:
    """Return the scans of a BIDS folder, of a derivatives folder, or of a folder of those (an OUT of brainatlas).

    A person's side is the column ``split`` of participants.tsv where there is one, else drawn as everywhere. Where
    stripped scans (``_desc-brain_``) lie in a folder, they are taken and the others passed over.

    Raises
    ------
    UsageError
        The folder does not exist or holds no scans, or ``split`` names an unknown side.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} does not exist or is no folder: give a BIDS folder with several contrasts a person")
    roots = [root for root in (folder, *sorted(folder.iterdir())) if root.is_dir() and any(root.glob("sub-*"))]
    found = [scan for root in roots for scan in _scans_of(root)]
    if not found:
        raise UsageError(f"{folder} holds no scan (sub-*/[ses-*/]anat/*.nii.gz): give a BIDS folder")
    sides = person_sides((scan.person for scan in found), (), SplitSettings())
    for root in roots:
        sides |= _stated_sides(root)
    placed = [_with_side(scan, sides[scan.person]) for scan in sorted(found, key=lambda scan: scan.name)]
    return Cohort(scans=tuple(placed), licences=tuple(sorted({licence(root) for root in roots})))


def _scans_of(root: Path) -> list[Scan]:
    known = people(root)
    cohort = root.resolve().name
    paths = sorted(path for path in root.glob("sub-*/**/anat/*.nii*") if _is_scan(path))
    if any(_STRIPPED in path.name for path in paths):
        paths = [path for path in paths if _STRIPPED in path.name]
    return [_scan(path, cohort, known) for path in paths]


def _is_scan(path: Path) -> bool:
    stem = _stem(path)
    return path.name.endswith((".nii", ".nii.gz")) and path.name[0] != "." and stem.split("_")[-1] not in _NOT_SCANS


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _scan(path: Path, cohort: str, known: Mapping[str, Person]) -> Scan:
    stem = _stem(path)
    label = re.sub(r"^sub-", "", stem.split("_")[0])
    session = "_".join(part for part in stem.split("_") if part.startswith(("sub-", "ses-")))
    person = known.get(label, Person(age=None, sex=None))
    said: dict[str, Any] = acquisition(path)
    facts = Facts(
        age=person.age,
        sex=person.sex,
        contrast=stem.split("_")[-1],
        maker=said.get("manufacturer"),
        field_t=said.get("field_strength_t"),
        **{key: said.get(key) for key in ("tr_ms", "te_ms", "ti_ms", "flip_deg")},
    )
    return Scan(
        path=path, name=f"{cohort}_{stem}", person=f"{cohort}/{label}", session=f"{cohort}_{session}", side="",
        facts=facts,
    )  # fmt: skip


def _with_side(scan: Scan, side: str) -> Scan:
    return Scan(
        path=scan.path, name=scan.name, person=scan.person, session=scan.session, side=side, facts=scan.facts
    )  # fmt: skip


def _stated_sides(root: Path) -> dict[str, str]:
    path = root / "participants.tsv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as handle:
        rows = [row for row in csv.DictReader(handle, delimiter="\t") if row.get("split")]
    odd = sorted({row["split"] for row in rows} - set(SIDES))
    if odd:
        raise UsageError(f"{path} has the split {odd[0]!r}, wanted one of {', '.join(SIDES)}: repair the column")
    cohort = root.resolve().name
    return {f"{cohort}/{row['participant_id'].removeprefix('sub-')}": row["split"] for row in rows}
