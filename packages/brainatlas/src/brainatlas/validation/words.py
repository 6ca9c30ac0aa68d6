"""Words of the command line in, labels to score and to renumber out."""

from __future__ import annotations

from collections.abc import Sequence

from brainatlas.validation.run import IBSR
from braincaption.errors import UsageError
from braincaption.nifti import LARGEST_LABEL


def read_renumbering(pairs: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Read ``OLD=NEW`` pairs.

    Examples
    --------
    >>> read_renumbering(["6=8", "45=47"])
    ((6, 8), (45, 47))
    """
    found = []
    for pair in pairs:
        old, _, new = pair.partition("=")
        if not (_is_label(old) and _is_label(new)):
            raise UsageError(f"--renumber {pair} is no pair of labels: write it like 6=8")
        found.append((int(old), int(new)))
    return tuple(found)


def read_structures(text: str | None) -> tuple[int, ...]:
    """Read a list of labels, or ``ibsr``; empty (all labels) where nothing is given.

    Examples
    --------
    >>> read_structures("10, 49 17")
    (10, 17, 49)
    """
    if text is None:
        return ()
    if text.strip().lower() == "ibsr":
        return IBSR
    words = text.replace(",", " ").split()
    wrong = [word for word in words if not _is_label(word)]
    if wrong or not words:
        raise UsageError(f"--structures {text!r} is no list of labels: write it like '10 11 12', or ibsr")
    return tuple(sorted({int(word) for word in words}))


def _is_label(text: str) -> bool:
    return text.strip().isdecimal() and 0 < int(text) <= LARGEST_LABEL
