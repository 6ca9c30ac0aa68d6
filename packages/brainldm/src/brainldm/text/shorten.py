"""A caption longer than its encoder reads in, one that fits out: whole phrases go, last ones first, with a warning."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

from braincaption.errors import UsageError

PHRASE_END = re.compile(r"(?<=[,;.:])\s+|\s+(?=and\b)")


class ShortenedCaption(UserWarning):
    """A caption lost phrases because its encoder reads no more tokens."""


def shorten(caption: str, count: Callable[[str], int], max_tokens: int) -> str:
    """Return `caption` with as many leading phrases as `max_tokens` holds.

    Parameters
    ----------
    caption : str
    count : callable
        Number of tokens of a text, special ones included.
    max_tokens : int

    Raises
    ------
    UsageError
        Not even the first phrase fits.
    """
    if count(caption) <= max_tokens:
        return caption
    phrases = PHRASE_END.split(caption)
    low, high = 0, len(phrases) - 1  # `low` phrases fit, `high` + 1 do not
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(joined(phrases[:middle])) <= max_tokens else (low, middle - 1)
    if low == 0:
        raise UsageError(
            f"the phrase {phrases[0][:60]!r} has {count(phrases[0])} tokens, at most {max_tokens} are read: shorten it"
        )
    kept = joined(phrases[:low])
    warnings.warn(
        f"caption of {count(caption)} tokens shortened to {max_tokens}: left out {len(phrases) - low} of "
        f"{len(phrases)} phrases, from {phrases[low][:40]!r} on",
        ShortenedCaption,
        stacklevel=2,
    )
    return kept


def joined(phrases: list[str]) -> str:
    """Return phrases as one text, without a comma or colon left at its end."""
    return " ".join(phrases).rstrip(",;: ")
