"""The text of a licence in, whether it lets the images be published again out."""

from __future__ import annotations

import re

_OPEN = re.compile(r"^(cc0|pddl|public domain|cc by( nc)?( sa)?)\b")
_CLOSED = re.compile(r"^cc by( nc)? nd\b")


def redistribution_of(licence: str) -> str:
    """Tell what a licence says of publishing the data again: ``yes``, ``no`` (no derivatives) or ``unknown``.

    Examples
    --------
    >>> redistribution_of("CC BY-NC-SA 3.0"), redistribution_of("CC-BY-ND-4.0"), redistribution_of("ask us")
    ('yes', 'no', 'unknown')
    """
    text = re.sub(r"[\s_\-]+", " ", licence.strip().lower())
    if _CLOSED.match(text):
        return "no"
    return "yes" if _OPEN.match(text) else "unknown"
