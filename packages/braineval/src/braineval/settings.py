"""Nothing in, the settings that every metric shares out; imports nothing heavy, for the commands' sake."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a score is estimated; saved in the score where it matters.

    Attributes
    ----------
    seed : int
        Start of every random choice: bootstrap, floors, pairs, classifier.
    draws : int
        Bootstrap draws of people behind the 95 % interval.
    floor_draws : int
        Random splits of the real slices that each floor is averaged over.
    extractor : str, optional
        Name of the feature extractor, where the metric reads features; None takes the metric's own.
    weights : Path, optional
        File with the extractor's weights, where it does not ship them.
    weights_by_name : tuple of (str, Path)
        The same where several extractors are used, by the extractor's name.
    store : Path, optional
        Folder where features are kept between runs.
    segmenter : Path, optional
        Folder of a segmenter, for metrics that look for structures.
    batch : int
        Slices that go through a network at once.
    """

    seed: int = 0
    draws: int = 200
    floor_draws: int = 5
    extractor: str | None = None
    weights: Path | None = None
    weights_by_name: tuple[tuple[str, Path], ...] = ()
    store: Path | None = None
    segmenter: Path | None = None
    batch: int = 64

    def weights_of(self, extractor: str) -> Path | None:
        """Return the file with the weights of `extractor`, where one was given."""
        return dict(self.weights_by_name).get(extractor, self.weights)

    def chosen_extractor(self, default: str) -> tuple[str, Path | None]:
        """Return the name of the extractor to use, `default` where none was asked for, and its weights."""
        name = self.extractor or default
        return name, self.weights_of(name)


DEFAULTS = Settings()
