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
    store: Path | None = None
    segmenter: Path | None = None
    batch: int = 64


DEFAULTS = Settings()
