"""Wordings and what is known of an image in, programs for the assembly loop out: bytes with holes for what varies.

Everything that is constant over a volume (sequence, field strength, person) is rendered here once, in Python, with
all its grammar. What varies from slice to slice (position, level, structures) stays as operations that
`braincaption.assembly` carries out on bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from braincaption.language import SIGNS, Language
from braincaption.lut import Lut
from braincaption.schema import PLANES
from braincaption.wording import NAMES, Agree, Fact, ListStyle, Node, Optional, Text, Wording

# Operations: code, then up to six operands (phrase numbers, -1 for none; the last is 1 for a capital).
TEXT, POSITION, LEVEL, IF_LEVEL, LIST, AGREE = range(6)
WIDTH = 8
# The sentences of a wording: with structures, without any, without room for any, and without room for optional facts.
SENTENCES = ("text", "none", "brief", "bare")
HOLE = "\0"


@dataclass(frozen=True, kw_only=True)
class Context:
    """What is constant over the slices of one volume."""

    sequence: str
    field_strength_t: float | None
    age: float | None
    sex: str | None
    whole: bool
    organ: str | None


@dataclass
class PhraseBank:
    """Strings by number, as one run of bytes with offsets; equal strings share a number."""

    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, text: str) -> int:
        """Return the number of `text`, adding it when it is new."""
        return self.numbers.setdefault(text, len(self.numbers))

    def arrays(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        """Return the bytes of all strings and where each begins (one more offset than strings)."""
        encoded = [text.encode() for text in self.numbers]
        offsets = np.zeros(len(encoded) + 1, np.int32)
        np.cumsum([len(text) for text in encoded], out=offsets[1:])
        return np.frombuffer(b"".join(encoded), np.uint8), offsets


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Programs of one context.

    Attributes
    ----------
    starts : ndarray of int32, shape (wordings, planes, sentences, 2)
        First and last + 1 operation of each program.
    operations : ndarray of int32, shape (operations, 8)
    text, offsets : ndarray
        The phrases, see `PhraseBank.arrays`.
    """

    starts: npt.NDArray[np.int32]
    operations: npt.NDArray[np.int32]
    text: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int32]


def compile_frames(language: Language, wordings: tuple[Wording, ...], context: Context) -> Frames:
    """Render everything that `context` decides."""
    bank = PhraseBank()
    operations: list[list[int]] = []
    starts = np.zeros((len(wordings), len(PLANES), len(SENTENCES), 2), np.int32)
    for w, wording in enumerate(wordings):
        trees = (wording.text, wording.none, wording.brief, _bare(wording.brief))
        for p, plane in enumerate(PLANES):
            compiler = _Compiler(language, context, plane, bank)
            for s, tree in enumerate(trees):
                starts[w, p, s, 0] = len(operations)
                operations.extend(compiler.program(tree))
                starts[w, p, s, 1] = len(operations)
    text, offsets = bank.arrays()
    return Frames(starts=starts, operations=np.array(operations, np.int32), text=text, offsets=offsets)


def _bare(tree: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(node for node in tree if not isinstance(node, Optional))


@dataclass(frozen=True)
class _Compiler:
    language: Language
    context: Context
    plane: str
    bank: PhraseBank

    def program(self, tree: tuple[Node, ...]) -> list[list[int]]:
        pieces = self._capitalised(self._joined(self._pieces(tree)))
        return [_padded(self._operation(piece)) for piece in pieces]

    def _pieces(self, tree: tuple[Node, ...]) -> list[str | list[object]]:
        pieces: list[str | list[object]] = []
        for node in tree:
            if isinstance(node, Text):
                pieces.append(node.text)
            elif isinstance(node, Agree):
                pieces.append([AGREE, node.one, node.many])
            elif isinstance(node, Fact):
                pieces.append(self._fact(node))
            elif self._known(node):
                inner = self._joined(self._pieces(node.nodes))
                if any(isinstance(piece, list) and piece[0] == LEVEL for piece in inner):
                    pieces.append([IF_LEVEL, len(inner)])
                    # Kept apart from its neighbours, so that the skip counts operations exactly.
                    pieces.extend([TEXT, piece] if isinstance(piece, str) else piece for piece in inner)
                else:
                    pieces.extend(inner)
        return pieces

    def _known(self, part: Optional) -> bool:
        facts = [node.name for node in part.nodes if isinstance(node, Fact)]
        return all(name == "level" or self._constant(name) is not None for name in facts)

    def _fact(self, fact: Fact) -> str | list[object]:
        if fact.name in ("position", "coordinate"):
            return [POSITION, fact.name, fact.capital]
        if fact.name == "level":
            return [LEVEL, fact.capital]
        if fact.name == "structures":
            return [LIST, fact.capital]
        text = self._constant(fact.name) or ""
        return text[:1].upper() + text[1:] if fact.capital else text

    def _constant(self, name: str) -> str | None:
        language, context = self.language, self.context
        if name in ("plane", "a_plane"):
            return str(language.words["planes" if name == "plane" else name][self.plane])
        if name == "sequence":
            return language.sequence(context.sequence)
        if name == "field":
            return language.field(context.field_strength_t)
        if name == "age":
            return language.age(context.age)
        if name == "sex":
            return language.sex(context.sex)
        person = language.person if name == "person" else language.patient
        return person(context.age, context.sex)

    def _joined(self, pieces: list[str | list[object]]) -> list[str | list[object]]:
        joined: list[str | list[object]] = []
        for piece in pieces:
            if isinstance(piece, str) and joined and isinstance(joined[-1], str):
                joined[-1] += piece
            else:
                joined.append(piece)
        return [self.language.elided(piece) if isinstance(piece, str) else piece for piece in joined if piece != ""]

    def _capitalised(self, pieces: list[str | list[object]]) -> list[str | list[object]]:
        first = pieces[0]
        if isinstance(first, str):
            return [first[:1].upper() + first[1:], *pieces[1:]]
        return [[*first[:-1], True], *pieces[1:]] if first[0] in (POSITION, LEVEL, LIST) else pieces

    def _operation(self, piece: str | list[object]) -> list[int]:
        if isinstance(piece, str):
            return [TEXT, self.bank.add(piece)]
        code = piece[0]
        if code in (TEXT, AGREE):
            return [int(str(code)), *(self.bank.add(str(text)) for text in piece[1:])]
        if code == POSITION:
            return [POSITION, *self._position(str(piece[1])), int(bool(piece[2]))]
        if code == LEVEL:
            region = self.language.region(self.context.organ, whole=self.context.whole)
            levels = [self.bank.add(text) for text in self.language.levels(self.plane, region)]
            return [LEVEL, *levels, int(bool(piece[1]))]
        return [int(str(code)), int(bool(piece[1])) if code == LIST else int(str(piece[1]))]

    def _position(self, style: str) -> list[int]:
        numbers = []
        for sign in SIGNS:
            before, hole, after = str(self.language.words[style][self.plane][sign]).partition("{mm}")
            numbers += [self.bank.add(before), self.bank.add(after)] if hole else [self.bank.add(before)]
        if len(numbers) != 5:
            raise ValueError(f"{style}.{self.plane}: 'below' and 'above' need {{mm}}, 'at' must not have it")
        return numbers


def _padded(operation: list[int]) -> list[int]:
    return operation + [0] * (WIDTH - len(operation))


@dataclass(frozen=True, kw_only=True)
class NounTable:
    """What the structures of one label set are called in every wording.

    Attributes
    ----------
    number_of : ndarray of int16, shape (65536,)
        Label → its number here, -1 where it has none.
    partner : ndarray of int16, shape (labels,)
        Number of the label on the other side, -1 for none.
    is_left : ndarray of bool, shape (labels,)
    singular : ndarray of bool, shape (labels, 2)
        Whether a verb after the label (0), after the pair that it is the left of (1), stands in the singular.
    single : ndarray of int32, shape (wordings, labels, 2)
        Phrases before and after the volume.
    pair : ndarray of int32, shape (wordings, labels, 3)
        Phrases before, between and after the two volumes, at the left label.
    joints : ndarray of int32, shape (wordings, 2)
        Phrases between structures, and before the last.
    text, offsets : ndarray
        The phrases.
    """

    number_of: npt.NDArray[np.int16]
    partner: npt.NDArray[np.int16]
    is_left: npt.NDArray[np.bool_]
    singular: npt.NDArray[np.bool_]
    single: npt.NDArray[np.int32]
    pair: npt.NDArray[np.int32]
    joints: npt.NDArray[np.int32]
    text: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int32]


def compile_nouns(language: Language, wordings: tuple[Wording, ...], lut: Lut, labels: tuple[int, ...]) -> NounTable:
    """Render what `labels` are called, alone and in pairs, in every wording."""
    bank = PhraseBank()
    number_of = np.full(65536, -1, np.int16)
    number_of[list(labels)] = np.arange(len(labels))
    partner = np.full(len(labels), -1, np.int16)
    is_left = np.zeros(len(labels), np.bool_)
    singular = np.zeros((len(labels), 2), np.bool_)
    single = np.zeros((len(wordings), len(labels), 2), np.int32)
    pair = np.zeros((len(wordings), len(labels), 3), np.int32)
    for n, label in enumerate(labels):
        other = lut.partner(label)
        partner[n] = number_of[other] if other is not None else -1
        is_left[n] = label in lut and lut.side(label) == "left"
        singular[n] = [language.singular(lut, label, both=both) for both in (False, True)]
        for w, wording in enumerate(wordings):
            single[w, n] = [bank.add(text) for text in single_phrases(language, wording.list_style, lut, label)]
            if is_left[n] and other is not None:
                pair[w, n] = [bank.add(text) for text in pair_phrases(language, wording.list_style, lut, label)]
    joints = [[bank.add(wording.list_style.between), bank.add(wording.list_style.last)] for wording in wordings]
    text, offsets = bank.arrays()
    return NounTable(
        number_of=number_of,
        partner=partner,
        is_left=is_left,
        singular=singular,
        single=single,
        pair=pair,
        joints=np.array(joints, np.int32),
        text=text,
        offsets=offsets,
    )


def single_phrases(language: Language, style: ListStyle, lut: Lut, label: int) -> list[str]:
    """Return the words before and after the volume of one structure."""
    names = {"name": language.structure(lut, label, "single"), "the": language.structure(lut, label, "the_single")}
    return language.elided(_filled(style.single, names)).replace("{volume}", HOLE).split(HOLE)


def pair_phrases(language: Language, style: ListStyle, lut: Lut, label: int) -> list[str]:
    """Return the words before, between and after the volumes of a pair, given its left label."""
    forms = dict(zip(NAMES, ("pair", "the_pair", *NAMES[2:]), strict=True))
    names = {name: language.structure(lut, label, form) for name, form in forms.items()}
    return language.elided(_filled(style.pair, names)).replace("{left}", HOLE).replace("{right}", HOLE).split(HOLE)


def _filled(pattern: str, names: dict[str, str]) -> str:
    for name, text in names.items():
        pattern = pattern.replace("{" + name + "}", text)
    return pattern
