"""The name a look-up table gives a structure in, its side and its spoken name out: no underscores, no abbreviations.

``Left-Inf-Lat-Vent`` and ``InfLatVentricle_L`` both become ("left", "inferior lateral ventricle").
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

LEFT, RIGHT = "left", "right"
_FIRST = re.compile(r"^(left|right|lh|rh|l|r)[\s\-_.]+(?=\w)", re.IGNORECASE)
_LAST = re.compile(r"(?<=\w)[\s\-_.]+(left|right|lh|rh|l|r)$", re.IGNORECASE)
# FreeSurfer's parcels carry the side second: ctx-lh-insula, wm-rh-precuneus, ctx_lh_G_cuneus.
_SECOND = re.compile(r"^(ctx|wm|cbm)[\s\-_.]+(lh|rh|left|right)[\s\-_.]+(?=\w)", re.IGNORECASE)
_SIDES = {"left": LEFT, "lh": LEFT, "l": LEFT, "right": RIGHT, "rh": RIGHT, "r": RIGHT}
_WORDS = {
    "g": "gyrus",
    "s": "sulcus",
    "gm": "grey matter",
    "wm": "white matter",
    "csf": "cerebrospinal fluid",
    "cbm": "cerebellar",
}


def side_and_name(name: str) -> tuple[str | None, str]:
    """Split a look-up table's name into side ("left", "right" or None) and spoken name.

    Examples
    --------
    >>> side_and_name("Left-Inf-Lat-Vent")
    ('left', 'inferior lateral ventricle')
    >>> side_and_name("SuperiorFrontalGyrus_R")
    ('right', 'superior frontal gyrus')
    >>> side_and_name("ctx-lh-insula")
    ('left', 'insula')
    >>> side_and_name("CSF")
    (None, 'cerebrospinal fluid')
    """
    text = name.strip()
    side = None
    if found := _SECOND.match(text):
        side, text = _SIDES[found[2].lower()], f"{found[1]} {text[found.end() :]}"
    elif found := _FIRST.match(text):
        side, text = _SIDES[found[1].lower()], text[found.end() :]
    elif found := _LAST.search(text):
        side, text = _SIDES[found[1].lower()], text[: found.start()]
    return side, spoken(text)


def spoken(text: str) -> str:
    """Return `text` as words: separators and signs become spaces, CamelCase is split, abbreviations written out."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z][a-z]|[A-Z]{2,}\b)|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    plain = " ".join(re.sub(r"[^\w'’]|_", " ", split).split()).lower()
    known = _table()
    if plain in known:
        return known[plain]
    words = plain.removeprefix("ctx ").split()
    return " ".join(_WORDS.get(word, word) for word in words) or "unnamed structure"


@cache
def _table() -> dict[str, str]:
    text = files("braincaption").joinpath("luts/spoken.tsv").read_text(encoding="utf-8")
    return {row["name"]: row["spoken"] for row in csv.DictReader(text.splitlines(), delimiter="\t")}
