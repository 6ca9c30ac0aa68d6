"""A caption of ours in, what it says out: plane, position, sequence, and the structures with their volumes.

The patterns are made from the wordings themselves, so that a new wording or language can be read back at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from braincaption.errors import UsageError
from braincaption.frames import SENTENCES
from braincaption.language import SIGNS, Language, load_language
from braincaption.lut import Lut
from braincaption.schema import PLANES
from braincaption.wording import NAMES, Agree, Fact, ListStyle, Node, Optional, Text, Wording, load_wordings

_HOLES = re.compile(r"\{(\w+)\}")
# Which form of a name stands behind a placeholder, in a pattern for one structure and in one for a pair.
_SINGLE_FORMS = {"name": "single", "the": "the_single"}
_PAIR_FORMS = dict(zip(NAMES, ("pair", "the_pair", *NAMES[2:]), strict=True))


@dataclass(frozen=True, kw_only=True)
class ParsedStructure:
    """One structure as a caption says it.

    Attributes
    ----------
    name : str
        Without article and side where the look-up table knows it, else as it stands.
    side : str or None
        ``left``, ``right`` or None.
    volume_mm3 : float
        As printed: at least three digits that count.
    label : int or None
        None where no look-up table was given or it has no such name.
    """

    name: str
    side: str | None
    volume_mm3: float
    label: int | None


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a caption says.

    Attributes
    ----------
    template : int
        Number of its wording.
    plane : str
    position_mm : float
        RAS, to 0.1 mm.
    sequence : str or None
        BIDS suffix.
    structures : tuple of ParsedStructure, or None
        () when the caption says that there is none, None when it does not say.
    """

    template: int
    plane: str
    position_mm: float
    sequence: str | None
    structures: tuple[ParsedStructure, ...] | None


def parse(caption: str, lut: Lut | None = None, language: str = "en") -> Parsed:
    """Read a caption back.

    Parameters
    ----------
    caption : str
    lut : Lut, optional
        Table whose names the caption uses; with it structures get their labels.
    language : str

    Raises
    ------
    UsageError
        No wording of the language makes such a caption.

    Examples
    --------
    >>> said = parse("Axial T1-weighted MRI; slice 4.5 mm above the origin. Impression: brainstem [1,205 mm³].")
    >>> said.plane, said.position_mm, said.sequence
    ('axial', 4.5, 'T1w')
    >>> said.structures[0].name, said.structures[0].volume_mm3
    ('brainstem', 1205.0)
    """
    reader = _reader(language)
    for wording, sentence, pattern in reader.patterns:
        found = pattern.fullmatch(caption)
        if found is None:
            continue
        said = reader.read(wording, sentence, found, lut)
        if said is not None:
            return said
    raise UsageError(f"no wording of {language!r} makes this caption: {caption[:120]!r}")


@cache
def _reader(language: str) -> _Reader:
    return _Reader(load_language(language), load_wordings(language))


@lru_cache(maxsize=16)
def _phrases(language: Language, lut: Lut, form: str, pair: bool) -> dict[str, int]:
    found: dict[str, int] = {}
    for label, structure in lut.structures.items():
        if not pair or (structure.side == "left" and lut.partner(label) is not None):
            found.setdefault(language.structure(lut, label, form).lower(), label)
    return found


class _Reader:
    def __init__(self, language: Language, wordings: tuple[Wording, ...]) -> None:
        self._language = language
        words = language.words
        thousands, decimal = re.escape(words["thousands"]), re.escape(words["decimal"])
        self._number = rf"\d{{1,3}}(?:{thousands}\d{{3}})*(?:{decimal}\d+)?"
        self.patterns = list(self._made(wordings))

    def _made(self, wordings: tuple[Wording, ...]) -> Iterator[tuple[Wording, str, re.Pattern[str]]]:
        for sentence in SENTENCES[:3]:
            for wording in wordings:
                tree: tuple[Node, ...] = getattr(wording, sentence)
                yield wording, sentence, re.compile(self._tree(tree), re.IGNORECASE)

    def _tree(self, tree: tuple[Node, ...]) -> str:
        return "".join(self._node(node) for node in tree)

    def _node(self, node: Node) -> str:
        if isinstance(node, Text):
            return re.escape(node.text)
        if isinstance(node, Agree):
            return f"(?:{re.escape(node.one)}|{re.escape(node.many)})"
        if isinstance(node, Optional):
            return f"(?:{self._tree(node.nodes)})?"
        return f"(?P<{node.name}>{self._fact(node)})"

    def _fact(self, fact: Fact) -> str:
        words = self._language.words
        if fact.name in ("plane", "a_plane"):
            return _either(words["planes" if fact.name == "plane" else "a_plane"].values())
        if fact.name in ("position", "coordinate"):
            return "|".join(pattern for _, _, pattern in self._positions(fact.name))
        if fact.name == "sequence":
            return _either(v for k, v in words["sequences"].items() if k != "other") + "|" + self._other_sequence()
        if fact.name == "level":
            patterns = [text for plane in PLANES for text in self._language.levels(plane, "\0")]
            return "|".join(re.escape(text).replace("\0", ".+?") for text in patterns)
        if fact.name == "structures":
            return ".+"
        return r"[^.,;:()]+?" if fact.name != "field" else words["field"]["tesla"].replace("{number}", r"[\d.,]+")

    def _other_sequence(self) -> str:
        return re.escape(self._language.words["sequences"]["other"]).replace(r"\{suffix\}", r"\w+")

    def _positions(self, style: str) -> Iterator[tuple[str, str, str]]:
        for plane in PLANES:
            for sign in SIGNS:
                text = re.escape(str(self._language.words[style][plane][sign]))
                yield plane, sign, text.replace(r"\{mm\}", self._number)

    def read(self, wording: Wording, sentence: str, found: re.Match[str], lut: Lut | None) -> Parsed | None:
        said = {name: text for name, text in found.groupdict().items() if text is not None}
        plane = self._plane(said)
        position = self._position(plane, said)
        structures: tuple[ParsedStructure, ...] | None = () if sentence == "none" else None
        if sentence == "text":
            structures = self._structures(said["structures"], wording.list_style, lut)
            if structures is None:
                return None
        if position is None:
            return None
        return Parsed(
            template=wording.number,
            plane=plane,
            position_mm=position,
            sequence=self._sequence(said.get("sequence")),
            structures=structures,
        )

    def _plane(self, said: dict[str, str]) -> str:
        words = self._language.words
        table, text = (words["planes"], said["plane"]) if "plane" in said else (words["a_plane"], said["a_plane"])
        return next(plane for plane in PLANES if table[plane].lower() == text.lower())

    def _position(self, plane: str, said: dict[str, str]) -> float | None:
        style = "position" if "position" in said else "coordinate"
        for named, sign, pattern in self._positions(style):
            if named == plane and re.fullmatch(pattern, said[style], re.IGNORECASE):
                number = re.search(self._number, said[style])
                distance = self._value(number[0]) if number and sign != "at" else 0.0
                return -distance if sign == "below" else distance
        return None

    def _value(self, text: str) -> float:
        words = self._language.words
        return float(text.replace(words["thousands"], "").replace(words["decimal"], "."))

    def _sequence(self, text: str | None) -> str | None:
        if text is None:
            return None
        words = self._language.words["sequences"]
        known = next((k for k, v in words.items() if k != "other" and v.lower() == text.lower()), None)
        before, _, after = words["other"].partition("{suffix}")
        return known or text[len(before) : len(text) - len(after)]

    def _structures(self, text: str, style: ListStyle, lut: Lut | None) -> tuple[ParsedStructure, ...] | None:
        items, found, at = self._items(style), list[ParsedStructure](), 0
        while True:
            matches = [(match, pair, form) for item, pair, form in items if (match := item.match(text, at))]
            if not matches:
                return None
            # A pattern that is not this structure's own can only match by running on into the next one.
            match, pair, form = min(matches, key=lambda candidate: candidate[0].end())
            found.extend(self._named(match, pair, form, lut))
            at = match.end()
            if at == len(text):
                return tuple(found)
            joint = next(joint for joint in (style.last, style.between) if text.startswith(joint, at))
            at += len(joint)

    def _items(self, style: ListStyle) -> list[tuple[re.Pattern[str], bool, str]]:
        return [
            (self._item(style.single, style), False, _form(style.single, _SINGLE_FORMS)),
            (self._item(style.pair, style), True, _form(style.pair, _PAIR_FORMS)),
        ]

    def _item(self, pattern: str, style: ListStyle) -> re.Pattern[str]:
        text, end = "", 0
        for hole in _HOLES.finditer(pattern):
            text += re.escape(pattern[end : hole.start()])
            text += "(?P<name>.+?)" if hole[1] in NAMES else f"(?P<{hole[1]}>{self._number})"
            end = hole.end()
        text += re.escape(pattern[end:])
        joints = f"(?:{re.escape(style.between)}|{re.escape(style.last)})"
        # Where names come last, only a number after the joint shows that it is one and not a part of a name.
        following = r"\d" if pattern.endswith("}") else ""
        return re.compile(f"{text}(?={joints}{following}|$)", re.IGNORECASE)

    def _named(self, match: re.Match[str], pair: bool, form: str, lut: Lut | None) -> list[ParsedStructure]:
        name = match["name"]
        label = self._label(name, pair, form, lut)
        values = [("left", match["left"]), ("right", match["right"])] if pair else [(None, match["volume"])]
        said = []
        for side, number in values:
            one = lut.partner(label) if lut and label is not None and side == "right" else label
            known = lut[one] if lut and one is not None else None
            said.append(
                ParsedStructure(
                    name=known.spoken if known else name,
                    side=known.side if known else side,
                    volume_mm3=self._value(number),
                    label=one,
                )
            )
        return said

    def _label(self, name: str, pair: bool, form: str, lut: Lut | None) -> int | None:
        unknown = re.escape(self._language.words["nouns"]["unknown"]).replace(r"\{label\}", r"(\d+)")
        if not pair and (found := re.fullmatch(unknown, name, re.IGNORECASE)):
            return int(found[1])
        return _phrases(self._language, lut, form, pair).get(name.lower()) if lut else None


def _form(pattern: str, forms: dict[str, str]) -> str:
    return next(form for name, form in forms.items() if "{" + name + "}" in pattern)


def _either(texts: object) -> str:
    listed = sorted((str(text) for text in texts), key=len, reverse=True)  # type: ignore[attr-defined]
    return "|".join(re.escape(text) for text in listed)
