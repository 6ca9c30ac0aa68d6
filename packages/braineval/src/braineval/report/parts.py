"""Pictures, words and numbers in, the parts a report page is made of out; all text is escaped when it is rendered."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braincaption.slicefolder import encode_png
from braineval.report.curve import Curve


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One slice with its words.

    Attributes
    ----------
    image : ndarray of uint8, shape (h, w)
        Shown as it is, embedded as PNG.
    caption : str
        Words below it.
    note : str
        Smaller words below those.
    good : bool or None
        True and False frame it as right and wrong; None does not judge.
    """

    image: npt.NDArray[np.uint8]
    caption: str = ""
    note: str = ""
    good: bool | None = None

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(encode_png(self.image)).decode("ascii")


@dataclass(frozen=True, kw_only=True)
class Group:
    """Figures under one heading.

    ``layout`` is ``grid`` (many small pictures), ``cards`` (a picture beside its caption) or ``strips`` and ``pairs``
    (threes and twos, to be compared with each other).
    """

    heading: str = ""
    figures: tuple[Figure, ...]
    layout: str = "grid"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of plain text under a header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A number in large type with what it is."""

    value: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of the page: a title, a sentence or two, then whatever it shows.

    Attributes
    ----------
    title, lead : str
    groups : tuple of Group
    tables : tuple of Table
    curves : tuple of Curve
    code : str
        Shown in type of fixed width: commands that were run.
    folded : bool
        Tables and code start closed, behind a line that opens them.
    """

    title: str
    lead: str = ""
    groups: tuple[Group, ...] = ()
    tables: tuple[Table, ...] = ()
    curves: tuple[Curve, ...] = ()
    code: str = ""
    folded: bool = False
