"""A prompt, or a Parquet file of captions, in; one request a picture out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from braincaption.errors import UsageError
from braincaption.schema import PLANES, SLICE_FOLDER

_CARRIED = [
    name for name in SLICE_FOLDER.names if name not in ("file_name", "caption", "pixel_mm", "window_low", "window_high")
]
_NEGATIVE = ("below", "behind", "to the left of")
_RELATIVE = re.compile(
    r"(?P<mm>\d+(?:\.\d+)?) mm (?P<where>above|below|in front of|behind|to the left of|to the right of) the origin"
)
_FIELD = re.compile(r"(?<![\d.])(?P<tesla>\d+(?:\.\d+)?) ?(?:t|tesla)\b")
_ABSOLUTE = re.compile(r"\b[xyz] = (?P<mm>[-−+]?\d+(?:\.\d+)?) mm")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One picture to draw.

    Attributes
    ----------
    caption : str
    seed : int
    facts : dict
        Columns of a slice folder that the table gave or the caption says: volume_id, plane, sequence …
    lines : ndarray of bool, shape (height, width), or None
        Structure that the picture shall follow, for a model that takes masks.
    """

    caption: str
    seed: int
    facts: dict[str, Any] = field(default_factory=dict)
    lines: npt.NDArray[np.bool_] | None = None


def requests(source: str, count: int, seed: int, sequences: Sequence[str]) -> list[Request]:
    """Return what to draw.

    Parameters
    ----------
    source : str
        A prompt, or the path of a Parquet file (or of a folder of them) with a column ``caption``; columns that a
        slice folder knows are carried along.
    count : int
        Pictures a prompt. Their seeds are `seed`, `seed` + 1 …
    seed : int
        A table's row i gets `seed` + i, so a table drawn in parts comes out the same.
    sequences : sequence of str
        Sequences that a caption may name.

    Raises
    ------
    UsageError
        An empty prompt, a file that does not exist, or one without captions.
    """
    if source.endswith(".parquet") or Path(source).is_dir():
        return _from_table(Path(source), count, seed)
    if not source.strip():
        raise UsageError('the prompt is empty: say what to draw, for instance "Axial T2-weighted slice"')
    facts = _facts(source, sequences)
    return [Request(caption=source, seed=seed + i, facts=facts) for i in range(count)]


def _from_table(path: Path, count: int, seed: int) -> list[Request]:
    if not path.exists():
        raise UsageError(f"{path} does not exist: give a prompt, or a Parquet file with a column caption")
    try:
        table = pd.read_parquet(path)
    except Exception as error:  # pyarrow raises many kinds; all mean the same to the user
        raise UsageError(f"{path} is no readable Parquet file ({' '.join(str(error).split())[:80]})") from None
    if "caption" not in table.columns or table["caption"].isna().any() or not len(table):
        raise UsageError(
            f"{path} has columns {', '.join(table.columns)}, wanted a caption in every row: write captions first"
        )
    columns = [name for name in _CARRIED if name in table.columns]
    found = []
    for i, row in enumerate(table[["caption", *columns]].to_dict("records")):
        facts = {str(key): value for key, value in row.items() if key != "caption" and not pd.isna(value)}
        facts.setdefault("volume_id", _prompt_id(row["caption"]))
        found += [
            Request(caption=row["caption"], seed=seed + i + repeat * len(table), facts=facts) for repeat in range(count)
        ]
    return found


def _facts(prompt: str, sequences: Sequence[str]) -> dict[str, Any]:
    lower = prompt.lower()
    facts: dict[str, Any] = {"volume_id": _prompt_id(prompt)}
    named = [name for name in sequences if _says(lower, name)]
    if len(named) == 1:
        facts["sequence"] = named[0]
    planes = [plane for plane in PLANES if plane in lower]
    if len(planes) == 1:
        facts["plane"] = planes[0]
    field = _FIELD.search(lower)
    if field:
        facts["field_strength_t"] = float(field["tesla"])
    position = position_mm(lower)
    if position is not None:
        facts["position_mm"] = position
    return facts


def position_mm(prompt: str) -> float | None:
    """Return the position along the plane's axis that an English prompt says, RAS mm; None where it says none.

    Examples
    --------
    >>> position_mm("Axial slice, 14.5 mm below the origin"), position_mm("z = +30 mm"), position_mm("FLAIR")
    (-14.5, 30.0, None)
    """
    found = _RELATIVE.search(prompt)
    if found:
        return float(found["mm"]) * (-1 if found["where"] in _NEGATIVE else 1)
    found = _ABSOLUTE.search(prompt)
    return float(found["mm"].replace("−", "-")) if found else None


def _says(lower: str, sequence: str) -> bool:
    name = sequence.lower()
    return name in lower or (name.endswith("w") and f"{name[:-1]}-weighted" in lower)


def _prompt_id(prompt: str) -> str:
    return "prompt-" + hashlib.sha1(prompt.encode(), usedforsecurity=False).hexdigest()[:12]
