"""Cells of a table in, ages in years and sexes as M, F or O out; and ``participants.tsv`` as a table of people."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from brainatlas.cohorts.names import bare_label
from brainatlas.cohorts.tree import Tree
from braincaption.errors import ScanError

OLDEST = 130.0
_MISSING = frozenset({"", "n/a", "na", "nan", "none", "null", "-", "?", "unknown", ".", "n.a."})
_SEXES = {
    "m": "M", "male": "M", "man": "M", "boy": "M",
    "f": "F", "female": "F", "w": "F", "woman": "F", "girl": "F",
    "o": "O", "other": "O", "x": "O", "d": "O", "diverse": "O", "non-binary": "O", "nonbinary": "O", "intersex": "O",
}  # fmt: skip
_AGE = re.compile(r"^[>≥]?=?\s*(\d{1,3}(?:[.,]\d+)?)\s*(\+|y|yr|yrs|years|year)?$", re.IGNORECASE)

Row = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Person:
    """What a table says of one person (at one session)."""

    age: float | None = None
    sex: str | None = None
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class People:
    """A table of people.

    Attributes
    ----------
    rows : mapping of (subject, session) to Person
        Session is None where the table has no sessions.
    listed : frozenset of str
        Subject labels that have a row.
    notes : tuple of (str, str)
        Which row or file, and what could not be understood.
    """

    rows: Mapping[tuple[str, str | None], Person] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    notes: tuple[tuple[str, str], ...] = ()

    def find(self, subject: str, session: str | None) -> Person:
        """Merge the row of this session over the row of the subject; an empty Person where there is none."""
        general = self.rows.get((subject, None), Person())
        special = self.rows.get((subject, session), Person()) if session is not None else Person()
        return Person(
            age=special.age if special.age is not None else general.age,
            sex=special.sex or general.sex,
            key=special.key or general.key,
        )


def read_age(text: str) -> float | None:
    """Read an age in years; None where the cell says that it is missing.

    Raises
    ------
    ValueError
        The cell holds something that is no age from 0 to 130.

    Examples
    --------
    >>> read_age("90+"), read_age("34,5"), read_age("034Y"), read_age("n/a")
    (90.0, 34.5, 34.0, None)
    """
    if is_missing(text):
        return None
    found = _AGE.match(text.strip())
    if found is None:
        raise ValueError(f"age {text.strip()[:40]!r} is no number of years")
    age = float(found[1].replace(",", "."))
    if age > OLDEST:
        raise ValueError(f"age {text.strip()[:40]!r} is over {OLDEST:.0f} years")
    return age


def read_sex(text: str, codes: Mapping[str, str] | None = None) -> str | None:
    """Read a sex as M, F or O; None where the cell says that it is missing.

    Parameters
    ----------
    text : str
    codes : mapping, optional
        What a table's own codes mean, such as ``{"1": "M", "2": "F"}``.

    Raises
    ------
    ValueError
        The cell holds a code nobody explained.

    Examples
    --------
    >>> read_sex("female"), read_sex(" m "), read_sex("2", {"1": "M", "2": "F"}), read_sex("n/a")
    ('F', 'M', 'F', None)
    """
    meant = (codes or {}).get(text.strip(), text)
    if is_missing(meant):
        return None
    sex = _SEXES.get(meant.strip().lower())
    if sex is None:
        raise ValueError(f"sex {text.strip()[:40]!r} is none of M, F, O")
    return sex


def is_missing(text: str) -> bool:
    """Tell whether a cell says that its value is missing."""
    return text.strip().lower() in _MISSING


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a table with a header, separated by tabs, commas or semicolons, UTF-8 or Windows-1252.

    Raises
    ------
    ScanError
        The file cannot be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ScanError(f"{path.name} cannot be read ({error.strerror}): check its permissions") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    header = text.partition("\n")[0]
    separator = max("\t,;", key=header.count)
    # BIDS tables are never quoted; a stray quote in one must not swallow the rows that follow.
    quoted: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    try:
        rows = list(csv.DictReader(io.StringIO(text), delimiter=separator, quoting=quoted, restval=""))
    except csv.Error as error:
        raise ScanError(f"{path.name} is no readable table ({error}): export it again") from None
    return [{(key or "").strip(): cell.strip() for key, cell in row.items() if isinstance(cell, str)} for row in rows]


def column(row: Row, names: Iterable[str]) -> str:
    """Return the first of the named columns that the row has, whatever its case; empty where it has none."""
    lowered = {key.lower(): cell for key, cell in row.items()}
    return next((lowered[name] for name in names if name in lowered), "")


def read_participants(tree: Tree) -> People:
    """Read ``participants.tsv`` and the ``sessions.tsv`` files of a BIDS dataset.

    Ages and sexes that cannot be understood are left out with a note; rows that contradict each other likewise.
    """
    rows: dict[tuple[str, str | None], list[Person]] = defaultdict(list)
    notes: list[tuple[str, str]] = []
    listed: set[str] = set()
    codes = _read_dictionary(tree, notes)
    tables = [("participants.tsv", "")] if "participants.tsv" in tree else []
    tables += [
        (path, bare_label(path.split("/")[0], "sub"))
        for path in tree.files
        if path.startswith("sub-") and path.endswith("_sessions.tsv") and path.count("/") == 1
    ]
    for path, subject in tables:
        try:
            table = read_table(tree.path(path))
        except ScanError as error:
            notes.append((path, str(error)))
            continue
        if table and not subject and "participant_id" not in {name.lower() for name in table[0]}:
            notes.append((path, f"no column participant_id (columns: {', '.join(table[0])[:80]}): nobody is known"))
            continue
        for row in table:
            _add(row, subject, path, rows, notes, codes)
            listed.add(bare_label(column(row, ("participant_id",)) or subject, "sub"))
    people = {}
    for (who, session), same in rows.items():
        people[who, session], contradiction = agree(same)
        if contradiction:
            notes.append((f"sub-{who}", "its rows contradict each other: what differs is left out"))
    return People(rows=people, listed=frozenset(listed - {""}), notes=tuple(notes))


def agree(rows: Sequence[Person]) -> tuple[Person, bool]:
    """Put the rows of one person together: gaps are filled, what differs is dropped, and told.

    >>> agree([Person(age=30, sex="F"), Person(age=31), Person(age=30)])
    (Person(age=None, sex='F', key=None), True)
    """
    ages = {row.age for row in rows if row.age is not None}
    sexes = {row.sex for row in rows if row.sex is not None}
    keys = {row.key for row in rows if row.key is not None}
    person = Person(
        age=ages.pop() if len(ages) == 1 else None,
        sex=sexes.pop() if len(sexes) == 1 else None,
        key=keys.pop() if len(keys) == 1 else None,
    )
    return person, any((ages, sexes, keys))


def _read_dictionary(tree: Tree, notes: list[tuple[str, str]]) -> dict[str, str]:
    """Read from ``participants.json`` what the codes of the sex column mean."""
    if "participants.json" not in tree:
        return {}
    try:
        content = json.loads(tree.path("participants.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        notes.append(("participants.json", "is no readable JSON: the codes it explains are not known"))
        return {}
    columns = {key.lower(): value for key, value in content.items()} if isinstance(content, dict) else {}
    for name in ("sex", "gender"):
        levels = columns[name].get("Levels") if isinstance(columns.get(name), dict) else None
        if isinstance(levels, dict):
            return {str(code): meant for code, meant in levels.items() if isinstance(meant, str)}
    return {}


def _add(
    row: Row,
    subject: str,
    path: str,
    rows: dict[tuple[str, str | None], list[Person]],
    notes: list[tuple[str, str]],
    codes: Mapping[str, str],
) -> None:
    who = bare_label(column(row, ("participant_id",)) or subject, "sub")
    session = bare_label(column(row, ("session_id", "session")), "ses") or None
    if not who:
        return
    person, remarks = read_person(
        column(row, ("age", "age_years", "age_at_scan", "age_at_session")), column(row, ("sex", "gender")), codes
    )
    key = column(row, ("person", "person_id"))
    person = Person(age=person.age, sex=person.sex, key=None if is_missing(key) else key)
    notes.extend((f"{path} sub-{who}", f"{remark}: left out") for remark in remarks)
    rows[who, session].append(person)


def read_person(age: str, sex: str, codes: Mapping[str, str] | None = None) -> tuple[Person, list[str]]:
    """Read one row's age and sex, with a remark for each that could not be understood."""
    remarks: list[str] = []
    years: float | None = None
    letter: str | None = None
    try:
        years = read_age(age)
    except ValueError as error:
        remarks.append(str(error))
    try:
        letter = read_sex(sex, codes)
    except ValueError as error:
        remarks.append(str(error))
    return Person(age=years, sex=letter), remarks
