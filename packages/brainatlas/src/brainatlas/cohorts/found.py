"""What a layout reader hands on: one image of one person, before demographics, labels and header are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

from brainatlas.cohorts.acquisition import Acquisition
from brainatlas.cohorts.names import BidsName
from brainatlas.cohorts.people import Person


@dataclass(frozen=True, kw_only=True)
class Found:
    """One image of a layout.

    Attributes
    ----------
    image : str
        Path below the cohort's root, with ``/``.
    name : BidsName
        Its BIDS name, or the one the recipe gives it.
    person : str
        Person key within the cohort.
    stripped : bool or None
    acquisition : Acquisition
    labels, mask : str or None
        Where the layout itself (a recipe) says which files they are, below the root.
    row : str
        Key of the person's row in the demographics.
    facts : Person
        What the image's own sidecar says of its person; the demographics fill what it leaves open.
    licence, redistribution : str or None
        What the image's own sidecar says of them, where cohorts were put together; None: as the cohort's.
    """

    image: str
    name: BidsName
    person: str
    stripped: bool | None = None
    acquisition: Acquisition = field(default_factory=Acquisition)
    labels: str | None = None
    mask: str | None = None
    row: str = ""
    facts: Person = field(default_factory=Person)
    licence: str | None = None
    redistribution: str | None = None

    @property
    def subject(self) -> str:
        """Subject label without ``sub-``."""
        return self.name.entities["sub"]

    @property
    def session(self) -> str | None:
        """Session label without ``ses-``; None where the layout has none."""
        return self.name.entities.get("ses")

    @property
    def short(self) -> str:
        """The scan id without the cohort."""
        return f"{self.name.stem}_{self.name.suffix}"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a layout reader found below a folder; the remarks are (scan or file, message) pairs."""

    images: tuple[Found, ...]
    problems: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
