"""What a user may choose about drawing slices in, frozen settings out; light, as commands import it."""

from __future__ import annotations

from dataclasses import dataclass, field

RADIOLOGICAL = "radiological"
NEUROLOGICAL = "neurological"
KINDS = ("all", "native", "forward", "inverse")


@dataclass(frozen=True, kw_only=True)
class SplitSettings:
    """How people are divided; the defaults are the proportions of the paper's 24,000, 6,000 and 10,000 slices.

    Attributes
    ----------
    train, validation, test : float
        Shares, summing to one.
    seed : int
    """

    train: float = 0.60
    validation: float = 0.15
    test: float = 0.25
    seed: int = 0

    @property
    def shares(self) -> tuple[float, float, float]:
        """The three shares in the order of `braincaption.splits.SIDES`."""
        return self.train, self.validation, self.test


@dataclass(frozen=True, kw_only=True)
class ChoiceSettings:
    """Which slices are drawn.

    Attributes
    ----------
    planes : tuple of str
    count : int
        How many at most; the paper's 40,000 by default.
    volumes : str
        ``all``; ``native`` (each scan in its own space), ``forward`` or ``inverse`` rows of the catalog only.
    least : float
        Leave out slices that show less than this share of the labelled volume of the volume's fullest slice.
    paper_split : bool
        Draw the side slice by slice, as the paper did, instead of person by person.
    seed : int
    splits : SplitSettings
    """

    planes: tuple[str, ...] = ("axial",)
    count: int = 40_000
    volumes: str = "all"
    least: float = 0.0
    paper_split: bool = False
    seed: int = 0
    splits: SplitSettings = field(default_factory=SplitSettings)


@dataclass(frozen=True, kw_only=True)
class ViewSettings:
    """How a slice is laid on its picture.

    Attributes
    ----------
    size : int
        Height and width of the picture, pixels.
    fov_mm : float
        Side of the square that the picture shows, mm; the same for every slice, so that sizes can be compared.
    neurological : bool
        Patient's left on the left of axial and coronal pictures; by default it is on the right.
    """

    size: int = 256
    fov_mm: float = 256.0
    neurological: bool = False

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel, mm."""
        return self.fov_mm / self.size

    def side(self, plane: str) -> str | None:
        """Return which convention a picture of `plane` follows; a sagittal one has no left and right."""
        if plane == "sagittal":
            return None
        return NEUROLOGICAL if self.neurological else RADIOLOGICAL
