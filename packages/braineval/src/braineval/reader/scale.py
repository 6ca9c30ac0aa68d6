"""A TOML file in, a graded scale out (such as Fazekas 0-3): its question, its grades, and whose grades count as true.

name = "Fazekas"
question = "Deep white matter hyperintensities?"
grades = ["0 absent", "1 punctate", "2 beginning confluence", "3 large confluent areas"]
reference_reader = "A"              # a reader of the study, or instead of it:
[reference]                         # grade of slices by their file name
"images/ab/abcd.png" = 2
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from braincaption.errors import UsageError

MOST_GRADES = 6


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A graded scale.

    Attributes
    ----------
    name, question : str
    grades : tuple of str
        Words of grade 0, 1, …
    reference_reader : str
        Reader whose grades count as true; empty: `reference` has them, or nobody's do.
    reference : mapping of str to int
        Grade by file name of a slice.
    """

    name: str
    question: str
    grades: tuple[str, ...]
    reference_reader: str = ""
    reference: Mapping[str, int] = field(default_factory=dict)


def load_scale(path: Path) -> Scale:
    """Read a scale.

    Raises
    ------
    UsageError
        The file is missing, is no TOML, or lacks a question or two to six grades.
    """
    try:
        read: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no readable TOML file ({error}): see docs/eval.md for a scale") from None
    grades = read.get("grades")
    if not isinstance(grades, list) or not 2 <= len(grades) <= MOST_GRADES or "question" not in read:
        raise UsageError(f"{path} wants a question and 2 to {MOST_GRADES} grades: see docs/eval.md for a scale")
    reference = {str(name): int(grade) for name, grade in dict(read.get("reference", {})).items()}
    beyond = sorted(name for name, grade in reference.items() if not 0 <= grade < len(grades))
    if beyond:
        raise UsageError(f"{path} gives {beyond[0]} a grade that the scale lacks: give 0 to {len(grades) - 1}")
    return Scale(
        name=str(read.get("name", path.stem)),
        question=str(read["question"]),
        grades=tuple(str(grade) for grade in grades),
        reference_reader=str(read.get("reference_reader", "")),
        reference=reference,
    )
