"""A catalog in, what is known of each cohort out: licence, permission to redistribute, stripping, citation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from braincaption.catalog import COHORTS_KEY, Catalog

YES = "yes"
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """A source of scans.

    Attributes
    ----------
    name : str
    licence : str
    redistribution : str
        ``yes``, ``no``, ``ask`` or ``unknown``; what nobody has said counts as unknown.
    stripped : bool
        Whether every image is a brain without its head.
    citation : str
    roles : tuple of str
        What of it the catalog holds: ``images``, ``labels`` carried from its people, ``spaces`` (grids only).
    """

    name: str
    licence: str
    redistribution: str = UNKNOWN
    stripped: bool = False
    citation: str = ""
    roles: tuple[str, ...] = ()


def read_cohorts(catalog: Catalog) -> dict[str, Cohort]:
    """Return every cohort whose images, spaces or labels the catalog holds, by name.

    What the rows do not say comes from the table's key-value metadata ``brain.cohorts``, a JSON object of
    ``{cohort: {licence, redistribution, stripped, citation}}``, and what that does not say from the cohort's
    ``dataset_description.json`` beside the catalog (``License``, ``Redistribution``, ``SkullStripped``). What nobody
    says is unknown, and counts as a refusal.
    """
    table = catalog.table
    said = json.loads((table.schema.metadata or {}).get(COHORTS_KEY, b"{}"))
    licences = _licences(table)
    roles = {
        "images": set(table["cohort"].to_pylist()),
        "labels": _of_people(table["label_subjects"].combine_chunks().flatten()),
        "spaces": _of_people(table["space_subject"]),
    }
    return {
        name: _cohort(
            name,
            _described(catalog.root / name) | said.get(name, {}),
            licences.get(name, ""),
            tuple(role for role, names in roles.items() if name in names),
        )
        for name in sorted(set().union(*roles.values()))
    }


def _described(folder: Path) -> dict[str, object]:
    try:
        found = json.loads((folder / "dataset_description.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    names = {"licence": "License", "redistribution": "Redistribution", "stripped": "SkullStripped"}
    return {ours: found[theirs] for ours, theirs in names.items() if isinstance(found, dict) and theirs in found}


def _cohort(name: str, said: dict[str, object], licence: str, roles: tuple[str, ...]) -> Cohort:
    written = str(said.get("redistribution", UNKNOWN)).strip().lower()
    return Cohort(
        name=name,
        licence=licence or str(said.get("licence") or UNKNOWN),
        redistribution=written if written in (YES, "no", "ask") else UNKNOWN,
        stripped=said.get("stripped") is True,
        citation=str(said.get("citation") or ""),
        roles=roles,
    )


def _licences(catalog: pa.Table) -> dict[str, str]:
    pairs = catalog.select(["cohort", "licence"]).group_by(["cohort", "licence"]).aggregate([]).to_pylist()
    return {row["cohort"]: row["licence"] for row in sorted(pairs, key=lambda row: row["licence"])}


def _of_people(keys: pa.Array | pa.ChunkedArray) -> set[str]:
    return {key.partition("/")[0] for key in keys.unique().to_pylist()}
