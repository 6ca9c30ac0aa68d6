"""A wording's file in, its sentences as checked trees out: constant text, facts, optional parts, verbs that agree.

In a wording, ``{fact}`` stands for a fact, ``[...]`` for a part said only when every fact in it is known, and
``{is|are}`` for words that agree with what is listed. A capital (``{Plane}``) starts with a capital letter.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

from braincaption.errors import UsageError
from braincaption.language import language_folder

# Facts that a caption may leave out when they are not known, and those every wording must say.
OPTIONAL = ("sequence", "field", "level", "age", "sex")
NAMES = ("name", "the", "both", "the_both", "each", "the_each")
# What each field says; two fields that say one fact never stand in one sentence.
_SAYS = {
    "plane": ("plane",),
    "a_plane": ("plane",),
    "position": ("position",),
    "coordinate": ("position",),
    "sequence": ("sequence",),
    "field": ("field",),
    "level": ("level",),
    "person": ("age", "sex"),
    "patient": ("age", "sex"),
    "age": ("age",),
    "sex": ("sex",),
    "structures": ("structures",),
}
_TOKEN = re.compile(r"\{([^{}]*)\}|(\[)|(\])")
_FILE = re.compile(r"(\d{1,3})-[\w-]+\.toml")


@dataclass(frozen=True)
class Text:
    """Words that never change."""

    text: str


@dataclass(frozen=True)
class Fact:
    """A fact's place; `capital` when its first letter is one."""

    name: str
    capital: bool


@dataclass(frozen=True)
class Agree:
    """Words for one thing listed, and for several."""

    one: str
    many: str


@dataclass(frozen=True)
class Optional:
    """A part that is said only when its facts are known."""

    nodes: tuple[Node, ...]


Node: TypeAlias = Text | Fact | Agree | Optional


@dataclass(frozen=True, kw_only=True)
class ListStyle:
    """How structures are listed: patterns with a name (`NAMES`), {volume}, {left} and {right}."""

    single: str
    pair: str
    between: str
    last: str


@dataclass(frozen=True, kw_only=True)
class Wording:
    """One way to say a slice.

    Attributes
    ----------
    number : int
        Stands in the column ``template``.
    name : str
    text, none, brief : tuple of nodes
        With structures, without any, and with them left out for want of room.
    list_style : ListStyle
    """

    number: int
    name: str
    text: tuple[Node, ...]
    none: tuple[Node, ...]
    brief: tuple[Node, ...]
    list_style: ListStyle


@cache
def load_wordings(language: str) -> tuple[Wording, ...]:
    """Load the wordings of a language (a code or a folder), in order of their numbers.

    Raises
    ------
    UsageError
        There is none, two share a number, or a file is not as it should be; the message names file and fault.
    """
    folder = language_folder(language)
    paths = sorted(path for path in folder.glob("*.toml") if _FILE.fullmatch(path.name))
    wordings = sorted((read_wording(path) for path in paths), key=lambda wording: wording.number)
    if not wordings:
        raise UsageError(f"{folder} holds no wording (01-name.toml): add one")
    numbers = [wording.number for wording in wordings]
    if len(set(numbers)) < len(numbers) or not 0 <= max(numbers) <= 255:
        raise UsageError(f"{folder} has wordings numbered {numbers}: give each its own number up to 255")
    return tuple(wordings)


def read_wording(path: Path) -> Wording:
    """Read one wording's file.

    Raises
    ------
    UsageError
        It is no TOML, lacks a key, says a fact twice or not at all.
    """
    found = _FILE.fullmatch(path.name)
    if found is None:
        raise UsageError(f"{path.name} is no name of a wording, wanted a number and words such as 21-mine.toml")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        head, style = table["head"], ListStyle(**table["list"])
        sentences = {key: table[key].replace("{head}", head) for key in ("text", "none")}
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be used ({error}): it needs head, text, none and a [list]") from None
    sentences["brief"] = table.get("brief", "{head}").replace("{head}", head)
    trees = {key: _parse(sentence, path) for key, sentence in sentences.items()}
    for key, tree in trees.items():
        _check_facts(tree, key, path)
    _check_list(style, path)
    return Wording(number=int(found[1]), name=path.stem, list_style=style, **trees)


def _parse(sentence: str, path: Path) -> tuple[Node, ...]:
    stack: list[list[Node]] = [[]]
    end = 0
    for match in _TOKEN.finditer(sentence):
        if match.start() > end:
            stack[-1].append(Text(sentence[end : match.start()]))
        end = match.end()
        if match[2]:
            stack.append([])
        elif match[3]:
            if len(stack) == 1:
                raise UsageError(f"{path} closes a bracket that it did not open: {sentence!r}")
            part = stack.pop()
            stack[-1].append(Optional(tuple(part)))
        else:
            stack[-1].append(_place(match[1], path))
    if len(stack) > 1:
        raise UsageError(f"{path} leaves a bracket open: {sentence!r}")
    if end < len(sentence):
        stack[-1].append(Text(sentence[end:]))
    return tuple(stack[0])


def _place(inside: str, path: Path) -> Node:
    if "|" in inside:
        one, _, many = inside.partition("|")
        return Agree(one, many)
    if inside.lower() not in _SAYS:
        raise UsageError(f"{path} has {{{inside}}}, wanted one of {', '.join(sorted(_SAYS))}")
    return Fact(inside.lower(), capital=inside[0].isupper())


def facts_in(nodes: tuple[Node, ...], *, optional: bool = False) -> list[tuple[str, bool]]:
    """Return the fields in a tree in order, each with whether it stands in an optional part."""
    found: list[tuple[str, bool]] = []
    for node in nodes:
        if isinstance(node, Fact):
            found.append((node.name, optional))
        elif isinstance(node, Optional):
            found.extend(facts_in(node.nodes, optional=True))
    return found


def _check_facts(tree: tuple[Node, ...], key: str, path: Path) -> None:
    fields = facts_in(tree)
    said = [fact for name, _ in fields for fact in _SAYS[name]]
    wanted = {"plane", "position", *OPTIONAL} | ({"structures"} if key == "text" else set())
    twice = sorted({fact for fact in said if said.count(fact) > 1})
    if twice or set(said) != wanted:
        raise UsageError(
            f"{path}: '{key}' says {', '.join(sorted(said))}; wanted each of {', '.join(sorted(wanted))} once"
        )
    for name, optional in fields:
        if optional != bool(set(_SAYS[name]) & set(OPTIONAL)):
            raise UsageError(f"{path}: {{{name}}} of '{key}' must {'not ' if optional else ''}stand in brackets")


def _check_list(style: ListStyle, path: Path) -> None:
    named = [any("{" + name + "}" in pattern for name in NAMES) for pattern in (style.single, style.pair)]
    whole = "{volume} mm³" in style.single and "{left}" in style.pair and "{right}" in style.pair
    if not (all(named) and whole and "mm³" in style.pair and style.between and style.last):
        raise UsageError(
            f"{path}: [list] needs a name and {{volume}} mm³ in single, a name, {{left}}, {{right}} in pair"
        )
