"""Captions in, the structures and volumes that each of them names out, read back with braincaption's own wordings."""

from __future__ import annotations

from braincaption.errors import UsageError
from braincaption.lut import load_lut
from braincaption.parse import parse
from braineval.score import NotDefinedError
from braineval.slices import Slices

# Tables whose names captions may use; the one that knows most of them is taken.
TABLES = ("freesurfer", "ibsr", "muse")
Volumes = dict[int, float]


def asked_volumes(slices: Slices) -> list[Volumes | None]:
    """Return label → volume (mm³) of each caption; None where there is no caption or it does not name structures."""
    captions = [None if text is None else str(text) for text in slices.column("caption")]
    read = [_with_table(captions, name) for name in TABLES]
    return max(read, key=lambda found: sum(len(one) for one in found if one is not None))


def captioned(slices: Slices, fewest: int) -> tuple[Slices, list[Volumes]]:
    """Return the slices whose captions name structures, and what they name.

    Raises
    ------
    NotDefinedError
        They are fewer than `fewest`.
    """
    read = asked_volumes(slices)
    named = [i for i, one in enumerate(read) if one]
    if len(named) < fewest:
        raise NotDefinedError(
            f"{slices.name} holds {len(named)} captions that name structures as `brain caption write` words them, "
            f"wanted {fewest} or more: write captions before rendering"
        )
    return slices.select(named), [one for one in read if one]


def _with_table(captions: list[str | None], name: str) -> list[Volumes | None]:
    lut = load_lut(name)
    found: list[Volumes | None] = []
    for caption in captions:
        try:
            said = None if caption is None else parse(caption, lut).structures
        except UsageError:
            said = None  # a prompt of the user's own words
        known = None if said is None else {one.label: one.volume_mm3 for one in said if one.label is not None}
        found.append(known)
    return found
