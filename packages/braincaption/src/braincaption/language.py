"""A language's folder in, how it says plane, position, sequence, person and structures out.

A language is one folder: ``language.toml`` (the facts), ``structures.tsv`` (the nouns), and one file a wording.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from braincaption.errors import UsageError
from braincaption.lut import Lut

KINDS = ("count", "mass", "plural")
SIGNS = ("below", "at", "above")
OLDEST_AGE = 90  # older ages identify a person, so they are said as this one
ADULT_AGE = 18
_MASS_ENDINGS = ("matter", "cortex", "fluid", "tissue", "csf", "cortices")


@dataclass(frozen=True, kw_only=True)
class Noun:
    """A structure's name in one language, without its side.

    Attributes
    ----------
    singular, plural : str
    kind : str
        ``count`` (both hippocampi), ``mass`` (white matter on both sides) or ``plural`` (hypointensities).
    gender : str
        Empty where the language has none.
    """

    singular: str
    plural: str
    kind: str
    gender: str = ""


@dataclass(frozen=True, eq=False)
class Language:
    """One language's words; see ``wordings/en/language.toml`` for what each table holds."""

    code: str
    words: Mapping[str, Any]
    nouns: Mapping[str, Noun]

    def noun(self, spoken: str) -> Noun:
        """Return the noun for an English spoken name.

        One that ``structures.tsv`` lacks follows English spelling rules; in a language without plain ``[nouns.mass]``
        (that is, with genders) it stands as it is.
        """
        if spoken in self.nouns:
            return self.nouns[spoken]
        if "mass" not in self.words["nouns"]:
            return Noun(singular=spoken, plural=spoken, kind="count")
        return _guess(spoken)

    def structure(self, lut: Lut, label: int, form: str) -> str:
        """Return how a structure is called.

        Parameters
        ----------
        lut : Lut
        label : int
        form : str
            ``single`` (with its side where it has one) or ``both`` (of a pair), with ``the_`` before it for the
            article.
        """
        if label not in lut:
            return str(self.words["nouns"]["unknown"]).format(label=label)
        found = lut[label]
        noun = self.noun(found.spoken)
        patterns = self.words["nouns"][noun.kind + (f"_{noun.gender}" if noun.gender else "")]
        if form.endswith("single") and found.side:
            form = form.replace("single", found.side)
        return self.elided(str(patterns[form]).format(noun=noun.singular, nouns=noun.plural))

    def singular(self, lut: Lut, label: int, *, both: bool) -> bool:
        """Tell whether a verb after the structure (or its pair) stands in the singular."""
        kind = self.noun(lut[label].spoken).kind if label in lut else "count"
        return kind == "mass" if both else kind != "plural"

    def elided(self, text: str) -> str:
        """Return `text` with what neighbours change put right: "a 8-year-old" becomes "an 8-year-old"."""
        for pattern, replacement in self._elisions:
            text = pattern.sub(replacement, text)
        return text

    @cached_property
    def _elisions(self) -> list[tuple[re.Pattern[str], str]]:
        return [(re.compile(rule["pattern"]), rule["with"]) for rule in self.words.get("elide", [])]

    def sequence(self, suffix: str) -> str | None:
        """Return the words for a BIDS suffix, None for an empty one."""
        if not suffix:
            return None
        known = self.words["sequences"]
        return str(known.get(suffix) or known["other"].format(suffix=suffix))

    def field(self, tesla: float | None) -> str | None:
        """Return a field strength such as "1.5 T"."""
        if tesla is None:
            return None
        number = f"{tesla:.3g}".replace(".", self.words["decimal"])
        return str(self.words["field"]["tesla"]).format(number=number)

    def person(self, age: float | None, sex: str | None) -> str | None:
        """Return who was scanned, such as "a 63-year-old woman"; None where neither age nor sex is known."""
        table = self.words["person"][sex or "unknown"]
        if age is None:
            return str(table["unaged"]) if sex else None
        years = completed_years(age)
        stage = "infant" if years < 1 else "child" if years < ADULT_AGE else "adult"
        return self.elided(str(table[stage]).format(age=years))

    def patient(self, age: float | None, sex: str | None) -> str | None:
        """Return `person` without its article, such as "63-year-old woman"."""
        person = self.person(age, sex)
        article = next((a for a in self.words["articles"] if person and person.startswith(a)), "")
        return person.removeprefix(article) if person else None

    def age(self, age: float | None) -> str | None:
        """Return an age such as "63 years"."""
        if age is None:
            return None
        years = completed_years(age)
        form = "infant" if years < 1 else "one" if years == 1 else "many"
        return str(self.words["age"][form]).format(age=years)

    def sex(self, sex: str | None) -> str | None:
        """Return a sex such as "female"."""
        return str(self.words["sex"][sex]) if sex else None

    def levels(self, plane: str, region: str) -> list[str]:
        """Return the five phrases for where in the labelled extent a slice lies, low to high."""
        return [str(text).format(region=region) for text in self.words["levels"][plane]]

    def region(self, organ: str | None, *, whole: bool) -> str:
        """Return what the labels cover: the organ, or "labelled region" where they cover a part of it."""
        name = organ or str(self.words["organ"])
        return str(self.words["region"]["whole" if whole else "part"]).format(organ=name)


def completed_years(age: float) -> int:
    """Return an age in completed years, 90 for all above."""
    return min(int(age), OLDEST_AGE)


def language_folder(code: str) -> Path:
    """Return the folder of a language: one of the package's by its code, or any folder by its path.

    Raises
    ------
    UsageError
        There is none, or it has no ``language.toml``.
    """
    own = Path(str(files("braincaption").joinpath("wordings")))
    folder = own / code if (own / code / "language.toml").is_file() else Path(code)
    if not (folder / "language.toml").is_file():
        known = ", ".join(sorted(path.parent.name for path in own.glob("*/language.toml")))
        raise UsageError(f"--language {code} is neither one of {known} nor a folder with language.toml: check it")
    return folder


@cache
def load_language(code: str) -> Language:
    """Load a language by code or folder.

    Raises
    ------
    UsageError
        As `language_folder`, or one of its files cannot be read.
    """
    folder = language_folder(code)
    try:
        words = tomllib.loads((folder / "language.toml").read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{folder / 'language.toml'} is no readable TOML ({error}): repair it") from None
    return Language(code=folder.name, words=words, nouns=_nouns(folder / "structures.tsv"))


def _nouns(path: Path) -> dict[str, Noun]:
    nouns = {}
    with path.open(newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            if row["kind"] not in KINDS:
                raise UsageError(f"{path}: {row['spoken']} is of kind {row['kind']!r}, wanted {', '.join(KINDS)}")
            nouns[row["spoken"]] = Noun(
                singular=row["singular"], plural=row["plural"], kind=row["kind"], gender=row.get("gender") or ""
            )
    return nouns


def _guess(spoken: str) -> Noun:
    head, _, rest = spoken.partition(" of the ")
    last = head.rpartition(" ")[2]
    if last in _MASS_ENDINGS or spoken.startswith("white matter"):
        return Noun(singular=spoken, plural=spoken, kind="mass")
    if last.endswith(("us",)) and last in ("gyrus", "sulcus", "nucleus"):
        plural = head[:-2] + "i"
    elif last.endswith("y") and not last.endswith(("ay", "ey", "oy")):
        plural = head[:-1] + "ies"
    elif last.endswith("s") and not last.endswith(("ss", "us", "is")):
        return Noun(singular=spoken, plural=spoken, kind="plural")
    else:
        plural = head + ("es" if last.endswith(("s", "x", "ch", "sh")) else "s")
    return Noun(singular=spoken, plural=f"{plural} of the {rest}" if rest else plural, kind="count")
