"""A look-up table by name or file in, what every label is called out: spoken name, side, partner on the other side."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from braincaption.lut_readers import read_names
from braincaption.names import side_and_name

BUILT_IN = ("freesurfer", "ibsr", "muse")
CORTEX = "cerebral cortex"
# FreeSurfer's cortical parcels by hemisphere, and the label of the whole cortex of that side.
_PARCELS = ((range(1000, 1036), 3), (range(2000, 2036), 42))


@dataclass(frozen=True, kw_only=True)
class Structure:
    """One label and what it is called.

    Attributes
    ----------
    label : int
    name : str
        As the table gives it, such as ``Left-Lateral-Ventricle``.
    side : str or None
        ``left``, ``right``, or None for what lies in the middle or on both sides.
    spoken : str
        Without its side, such as ``lateral ventricle``.
    """

    label: int
    name: str
    side: str | None
    spoken: str


@dataclass(frozen=True, eq=False)
class Lut:
    """Names of labels, by label; a label without a name is called "unknown structure N".

    Examples
    --------
    >>> lut = load_lut("freesurfer")
    >>> lut.phrase(4), lut.side(4), lut.partner(4), lut.plural(4)
    ('left lateral ventricle', 'left', 43, 'lateral ventricles')
    >>> lut.phrase(60000)
    'unknown structure 60000'
    """

    structures: Mapping[int, Structure]

    def __contains__(self, label: int) -> bool:
        return label in self.structures

    def __getitem__(self, label: int) -> Structure:
        """Return the structure of `label`; one without a name gets the name "unknown structure N"."""
        found = self.structures.get(label)
        if found is not None:
            return found
        unknown = f"unknown structure {label}"
        return Structure(label=label, name=unknown, side=None, spoken=unknown)

    def name(self, label: int) -> str:
        """Return the name as the table gives it."""
        return self[label].name

    def side(self, label: int) -> str | None:
        """Return ``left``, ``right`` or None."""
        return self[label].side

    def phrase(self, label: int) -> str:
        """Return side and spoken name in English, such as ``left lateral ventricle``."""
        structure = self[label]
        return f"{structure.side} {structure.spoken}" if structure.side else structure.spoken

    def plural(self, label: int) -> str:
        """Return the spoken name's plural in English; what cannot be counted stays as it is."""
        from braincaption.language import load_language

        return load_language("en").noun(self[label].spoken).plural

    def partner(self, label: int) -> int | None:
        """Return the label of the same structure on the other side, or None."""
        return self._partners.get(label)

    @cached_property
    def _partners(self) -> dict[int, int]:
        by_name: dict[tuple[str, str], int] = {(s.spoken, s.side): n for n, s in self.structures.items() if s.side}
        other = {"left": "right", "right": "left"}
        return {n: by_name[spoken, other[s]] for (spoken, s), n in by_name.items() if (spoken, other[s]) in by_name}

    def merging(self) -> dict[int, int]:
        """Return which label each cortical parcel is merged to (FreeSurfer: 1000–1035 to 3, 2000–2035 to 42).

        Raises
        ------
        UsageError
            The table is not of FreeSurfer's numbering.
        """
        wholes = [self[whole].spoken for _, whole in _PARCELS if whole in self]
        parcels = any(parcel in self for parcels, _ in _PARCELS for parcel in parcels)
        if any(spoken != CORTEX for spoken in wholes) or not (wholes or parcels):
            raise UsageError(
                "--merge is for FreeSurfer's numbers (3 and 42 the cortex), not this table's: leave it out"
            )
        return {parcel: whole for parcels, whole in _PARCELS for parcel in parcels}


def with_cortex(lut: Lut) -> Lut:
    """Return `lut` with names for the labels that `Lut.merging` merges parcels to, which parcellations often lack.

    Raises
    ------
    UsageError
        The table is not of FreeSurfer's numbering.
    """
    standard = load_lut("freesurfer")
    wholes = {whole: standard[whole] for whole in sorted(set(lut.merging().values()))}
    return Lut({**wholes, **lut.structures})


def load_lut(spec: str | Path) -> Lut:
    """Load a built-in table by name, or a file: BIDS ``dseg.tsv``, CSV, TSV, FreeSurfer colour table, ITK-SNAP.

    Parameters
    ----------
    spec : str or Path
        ``freesurfer``, ``ibsr``, ``muse``, or the path of a file.

    Raises
    ------
    UsageError
        No such table or file, or no row of it gives a number and a name.
    """
    if isinstance(spec, str) and spec.lower() in BUILT_IN:
        text = files("braincaption").joinpath(f"luts/{spec.lower()}.tsv").read_text(encoding="utf-8")
        return make_lut(read_names(text, spec))
    path = Path(spec)
    if not path.is_file():
        raise UsageError(f"{spec} is neither a file nor one of {', '.join(BUILT_IN)}: check --lut")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_text(encoding="latin-1")
    return make_lut(read_names(text, str(path)))


def make_lut(names: Mapping[int, str]) -> Lut:
    """Make a table of names by label; two labels that would be called alike get their number added."""
    split = {label: side_and_name(name) for label, name in sorted(names.items()) if label != 0}
    seen: dict[tuple[str | None, str], int] = {}
    structures = {}
    for label, (side, spoken) in split.items():
        first = seen.setdefault((side, spoken), label)
        unique = spoken if first == label else f"{spoken} {label}"
        structures[label] = Structure(label=label, name=names[label], side=side, spoken=unique)
    return Lut(structures)


def write_lut(lut: Lut, path: Path) -> None:
    """Write ``index, name, spoken, side`` as a BIDS ``dseg.tsv``, which `load_lut` reads again."""
    with atomic_path(path) as aside, aside.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(("index", "name", "spoken", "side"))
        for label, structure in sorted(lut.structures.items()):
            writer.writerow((label, structure.name, structure.spoken, structure.side or "n/a"))
