"""The text of a look-up table in, names by label out: BIDS dseg.tsv, CSV, TSV, FreeSurfer's and ITK-SNAP's files."""

from __future__ import annotations

import csv
import re

from braincaption.errors import UsageError
from braincaption.nifti import LARGEST_LABEL

_NUMBER_COLUMNS = ("index", "label", "id", "value", "number", "labelid", "no", "key", "roi", "intensity")
_NAME_COLUMNS = ("name", "structure", "labelname", "region", "description", "anatomy", "roiname", "abbreviation")
_SNAP = re.compile(r'^\s*(\d+)\s+\d+\s+\d+\s+\d+\s+[\d.]+\s+[01]\s+[01]\s+"(.*)"\s*$')
_COLOURS = re.compile(r"^\s*(\d+)\s+(\S+)\s+\d+\s+\d+\s+\d+(?:\s+\d+)?\s*$")


def read_names(text: str, source: str) -> dict[int, str]:
    """Return names by label; the layout is recognised from the text.

    Parameters
    ----------
    text : str
    source : str
        Where it comes from, for messages.

    Raises
    ------
    UsageError
        No row gives a number and a name, or a label is named twice with two names.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", "//"))]
    rows = _matching(_SNAP, lines) or _matching(_COLOURS, lines) or _tabular(lines)
    names: dict[int, str] = {}
    for label, name in rows:
        if not 0 <= label <= LARGEST_LABEL or not name:
            continue
        if names.setdefault(label, name) != name:
            raise UsageError(f"{source} names label {label} both {names[label]!r} and {name!r}: keep one")
    if not names:
        raise UsageError(f"{source} gives no label a name, wanted columns index and name: check the table")
    return names


def _matching(pattern: re.Pattern[str], lines: list[str]) -> list[tuple[int, str]]:
    found = [match for line in lines if (match := pattern.match(line))]
    # One odd line (a title) is let pass; a table of another layout is not.
    return [(int(match[1]), match[2]) for match in found] if len(found) >= max(1, len(lines) - 1) else []


def _tabular(lines: list[str]) -> list[tuple[int, str]]:
    if not lines:
        return []
    delimiter = "\t" if "\t" in lines[0] else ";" if lines[0].count(";") > lines[0].count(",") else ","
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    if delimiter == "," and "," not in lines[0]:
        rows = [line.split(None, 1) for line in lines]
    header = [re.sub(r"[^a-z]", "", cell.lower()) for cell in rows[0]]
    number = next((header.index(name) for name in _NUMBER_COLUMNS if name in header), None)
    name = next((header.index(column) for column in _NAME_COLUMNS if column in header), None)
    if number is None or name is None:
        number, name = 0, 1
    return [(int(row[number]), row[name]) for row in rows if len(row) > max(number, name) and _is_label(row[number])]


def _is_label(cell: str) -> bool:
    return cell.isdecimal()
