"""Acquisition facts in, their prompt out; a prompt in anybody's words in, its facts, brought into known range, out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from braincaption.errors import UsageError

Ranges = Mapping[str, Mapping[str, tuple[float, float, float]]]  # contrast, fact: least, median, most
_SAID = {"age": "age", "field_t": "field strength, T,", "tr_ms": "TR, ms,", "te_ms": "TE, ms,", "ti_ms": "TI, ms,",
         "flip_deg": "flip angle, degrees,"}  # fmt: skip
_NUMBER = r"(\d+(?:\.\d+)?)"
_TIMES = {"tr_ms": "(?:TR|repetition time)", "te_ms": "(?:TE|echo time)", "ti_ms": "(?:TI|inversion time)"}
# The authors' own form: four names, then four values in one bracket.
_BRACKET = re.compile(r"TR\(ms\).*?:\s*\(([^)]*)\)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a prompt may say of a scan; None where it is not known. Times in ms, angle in degrees, field in tesla."""

    age: float | None = None
    sex: str | None = None  # M, F or O
    field_t: float | None = None
    maker: str | None = None
    contrast: str | None = None  # BIDS suffix
    zooms: tuple[float, ...] | None = None  # mm, along right, anterior and superior
    tr_ms: float | None = None
    te_ms: float | None = None
    ti_ms: float | None = None
    flip_deg: float | None = None

    @property
    def prompt(self) -> str:
        """The sentence that the text encoder reads; a missing value is written None.

        Examples
        --------
        >>> Facts(contrast="T2w", te_ms=95.0, zooms=(1.0, 1.0, 1.0)).prompt[42:]
        'Contrast: T2w; Voxel size: 1.0 x 1.0 x 1.0 mm; TR: None; TE: 95.0 ms; TI: None; Flip angle: None'
        """
        size = None if self.zooms is None else " x ".join(f"{zoom:.1f}" for zoom in self.zooms) + " mm"
        field = None if self.field_t is None else f"{self.field_t:g} T"
        times = "; ".join(f"{name}: {_with_unit(getattr(self, key), 'ms')}" for name, key in
                          (("TR", "tr_ms"), ("TE", "te_ms"), ("TI", "ti_ms")))  # fmt: skip
        return (
            f"Age: {_with_unit(self.age, 'years', 0)}; Sex: {self.sex}; Scanner: {field} {self.maker}; "
            f"Contrast: {self.contrast}; Voxel size: {size}; {times}; "
            f"Flip angle: {_with_unit(self.flip_deg, 'degrees')}"
        )

    @property
    def acquisition(self) -> tuple[Any, ...]:
        """Everything but the person: scans that share it were acquired alike."""
        return tuple(getattr(self, field.name) for field in fields(self) if field.name not in ("age", "sex"))


def forgetful(facts: Facts, share: float, rng: np.random.Generator) -> Facts:
    """Return facts of which each but contrast and voxel size is None with chance `share`: prompts may leave it out."""
    names = [field.name for field in fields(facts) if field.name not in ("contrast", "zooms")]
    gone = [name for name, draw in zip(names, rng.random(len(names)), strict=True) if draw < share]
    return replace(facts, **dict.fromkeys(gone))


def ranges(known: Iterable[Facts]) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Return the least, median and most of each number that the scans of each contrast state.

    Examples
    --------
    >>> ranges([Facts(contrast="T2w", te_ms=80.0), Facts(contrast="T2w", te_ms=90.0), Facts(contrast="T1w")])
    {'T1w': {}, 'T2w': {'te_ms': (80.0, 85.0, 90.0)}}
    """
    scans = list(known)
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    for contrast in sorted({str(one.contrast) for one in scans}):
        of_it = [one for one in scans if str(one.contrast) == contrast]
        stated = {key: [float(getattr(one, key)) for one in of_it if getattr(one, key) is not None] for key in _SAID}
        found[contrast] = {key: (min(values), float(np.median(values)), max(values))
                           for key, values in stated.items() if values}  # fmt: skip
    return found


NUMBERS = tuple(_SAID)  # the facts that are numbers, in the order of `numbers_of`


def numbers_of(facts: Facts, trained: Ranges) -> list[float]:
    """Return every number of `facts` as its place between least (-1) and most (1) of its contrast; NaN: not stated.

    Examples
    --------
    >>> trained = {"T2w": {"te_ms": (80.0, 85.0, 90.0), "field_t": (3.0, 3.0, 3.0)}}
    >>> dict(zip(NUMBERS, numbers_of(Facts(contrast="T2w", te_ms=90.0, field_t=3.0), trained)))["te_ms"]
    1.0
    """
    known = trained.get(str(facts.contrast), {})
    return [_place(getattr(facts, key), known.get(key)) for key in NUMBERS]


def _place(value: float | None, known: tuple[float, float, float] | None) -> float:
    if value is None or known is None:
        return float("nan")
    least, _, most = known
    return 2 * (value - least) / (most - least) - 1 if most > least else 0.0


def within(facts: Facts, trained: Ranges) -> tuple[Facts, tuple[str, ...]]:
    """Return facts that a model has learned from, and which of those asked for it has not.

    A number outside what the scans of the contrast had becomes the nearest of theirs, a missing one their median, and
    one that none of them states None: beyond what it has seen a network's answer can be anything.

    Examples
    --------
    >>> trained = {"T2w": {"te_ms": (80.0, 85.0, 90.0), "tr_ms": (3500.0, 4000.0, 6000.0)}}
    >>> taken, changed = within(Facts(contrast="T2w", te_ms=120.0, ti_ms=900.0), trained)
    >>> taken.te_ms, taken.tr_ms, taken.ti_ms
    (90.0, 4000.0, None)
    >>> changed
    ('TE, ms, 120 is taken as 90 (T2w trained on: 80 to 90)', 'TI, ms, 900 is not used (no T2w trained on states it)')
    """
    known = trained.get(str(facts.contrast))
    if known is None:
        return facts, ()
    taken: dict[str, Any] = {}
    changed = []
    for key, said in _SAID.items():
        asked = getattr(facts, key)
        if key not in known:
            taken[key] = None
            if asked is not None:
                changed.append(f"{said} {asked:g} is not used (no {facts.contrast} trained on states it)")
            continue
        least, median, most = known[key]
        taken[key] = median if asked is None else min(max(asked, least), most)
        if asked is not None and taken[key] != asked:
            changed.append(f"{said} {asked:g} is taken as {taken[key]:g} "
                           f"({facts.contrast} trained on: {least:g} to {most:g})")  # fmt: skip
    return replace(facts, **taken), tuple(changed)


def read_prompt(text: str, contrasts: Sequence[str], makers: Sequence[str]) -> Facts:
    """Return the facts that a prompt says, whatever its order and wording; what it does not say is None.

    Parameters
    ----------
    text : str
        Such as ``T2-weighted, TE 95 ms, 1.5 T``, `Facts.prompt`, or a prompt in the authors' form.
    contrasts, makers : sequence of str
        Those that the model was trained on.

    Raises
    ------
    UsageError
        No contrast, one that the model does not know, or several.

    Examples
    --------
    >>> found = read_prompt("T2-weighted at 3 T, echo time 95 ms", ["T1w", "T2w"], ["Siemens"])
    >>> found.contrast, found.field_t, found.te_ms, found.tr_ms
    ('T2w', 3.0, 95.0, None)
    """
    times = {key: _time(text, name) for key, name in _TIMES.items()}
    flip = _first(text, rf"(?:flip angle|\bFA\b)\W{{0,3}}{_NUMBER}")
    bracket = _BRACKET.search(text)
    if bracket:
        values = [_optional(part) for part in bracket[1].split(",")]
        if len(values) == 4:
            times, flip = dict(zip(_TIMES, values[:3], strict=True)), values[3]
    return Facts(
        age=_first(text, rf"\bage\W{{0,3}}{_NUMBER}") or _first(text, rf"{_NUMBER}[ -]years?[ -]old"),
        sex=_sex(text),
        field_t=_first(text, rf"{_NUMBER}[ -]?(?:T\b|tesla)") or _first(text, rf"scanner:\s*{_NUMBER}"),
        maker=next((maker for maker in makers if re.search(rf"\b{re.escape(maker)}\b", text, re.IGNORECASE)), None),
        contrast=_contrast(text, contrasts),
        zooms=_zooms(text),
        flip_deg=flip,
        **times,
    )


def _with_unit(value: float | None, unit: str, digits: int = 1) -> str:
    return "None" if value is None else f"{value:.{digits}f} {unit}"


def _first(text: str, pattern: str) -> float | None:
    found = re.search(pattern, text, re.IGNORECASE)
    return float(found[1]) if found else None


def _time(text: str, name: str) -> float | None:
    """Return a time in ms; a number followed by ``s`` is in seconds."""
    found = re.search(rf"\b{name}\b(?:\s+of\b)?\W{{0,3}}{_NUMBER}\s*(ms|s)?\b", text, re.IGNORECASE)
    if not found:
        return None
    return float(found[1]) * (1000.0 if (found[2] or "").lower() == "s" else 1.0)


def _optional(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _sex(text: str) -> str | None:
    stated = re.search(r"\b(?i:sex|gender)\W{0,3}([MFO])\b", text)
    if stated:
        return stated[1]
    words = {"F": r"\b(?:female|woman)\b", "M": r"\b(?:male|man)\b"}
    return next((sex for sex, pattern in words.items() if re.search(pattern, text, re.IGNORECASE)), None)


def _zooms(text: str) -> tuple[float, ...] | None:
    found = re.search(r"voxel size\W{0,3}((?:\d+(?:\.\d+)?[\s,x×*mm()]*){1,3})", text, re.IGNORECASE)
    sizes = tuple(float(number) for number in re.findall(_NUMBER, found[1])) if found else ()
    return {1: sizes * 3, 3: sizes}.get(len(sizes))


def _contrast(text: str, contrasts: Sequence[str]) -> str:
    named = [name for name in contrasts if re.search(_spelt(name), text, re.IGNORECASE)]
    known = ", ".join(contrasts)
    if not named:
        raise UsageError(f"the prompt {text[:60]!r} names no contrast that the model knows: name one of {known}")
    if len(named) > 1:
        raise UsageError(f"the prompt {text[:60]!r} names {' and '.join(named)}: name one of {known}")
    return named[0]


def _spelt(name: str) -> str:
    return rf"\b{re.escape(name[:-1])}(?:w|[ -]?weighted)\b" if name.endswith("w") else rf"\b{re.escape(name)}\b"
