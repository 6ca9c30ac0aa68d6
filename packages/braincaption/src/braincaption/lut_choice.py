"""A source and --lut in, the look-up table out: the user's, the source's own dseg.tsv, its recipe's, FreeSurfer's."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.compute as pc

from braincaption.catalog import COHORTS_KEY, Catalog
from braincaption.errors import UsageError
from braincaption.lut import Lut, load_lut, make_lut

DEFAULT = "freesurfer"


def choose_lut(spec: str | None, catalog: Catalog) -> tuple[Lut, str | None]:
    """Return the table and, where names had to be assumed, a note that says so.

    Raises
    ------
    UsageError
        `spec` is unknown, or two ``dseg.tsv`` of the source call one label differently.
    """
    if spec is not None:
        return load_lut(spec), None
    own = _own_tables(catalog)
    if own:
        return _united(own), None
    if (numbering := _numbering(catalog)) is not None:
        return load_lut(numbering), None
    return load_lut(DEFAULT), (
        "The source names no structures (no dseg.tsv): FreeSurfer's numbers are assumed. Name others with --lut."
    )


def _numbering(catalog: Catalog) -> str | None:
    # What the recipes of the catalog's cohorts say; cohorts labelled from an atlas carry the atlas's numbers.
    about = json.loads((catalog.table.schema.metadata or {}).get(COHORTS_KEY, b"{}"))
    said = {str(facts["numbering"]) for facts in about.values() if facts.get("numbering")}
    if len(said) > 1:
        raise UsageError(f"the catalog's cohorts are numbered as {' and '.join(sorted(said))}: tabulate them apart")
    return said.pop() if said else None


def _own_tables(catalog: Catalog) -> list[Path]:
    written = sorted(str(value) for value in pc.unique(catalog.table["label_path"]).to_pylist())
    found: dict[Path, None] = {}
    for path in (catalog.path(one) for one in written):
        beside = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".tsv")
        # BIDS inheritance: a table further up, as far as the derivatives dataset's root, holds for all below.
        places = [beside, *[folder / "dseg.tsv" for folder in list(path.parents)[:5]]]
        table = next((place for place in places if place.is_file()), None)
        if table is not None:
            found[table] = None
    return list(found)


def _united(tables: list[Path]) -> Lut:
    names: dict[int, str] = {}
    seen: dict[int, Path] = {}
    for table in tables:
        for label, structure in load_lut(table).structures.items():
            if names.setdefault(label, structure.name).lower() != structure.name.lower():
                raise UsageError(
                    f"{seen[label]} calls label {label} {names[label]!r}, {table} calls it {structure.name!r}: "
                    "tabulate the two numberings apart, or say --lut"
                )
            seen.setdefault(label, table)
    return make_lut(names)
