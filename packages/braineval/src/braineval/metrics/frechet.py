"""Fréchet distance between real and generated features, named after its extractor: lower is nearer.

By default with the built-in extractor, which needs no download; ``--extractor`` names another. Its size depends on the
number of slices: read it beside its floors. Only `fid` (Inception features) is called FID.
"""

from __future__ import annotations

from braineval.distance import distance_score
from braineval.frechet import feature_distance
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the Fréchet distance, as ``frechet-<extractor>``."""
    return distance_score("frechet-{extractor}", feature_distance, real, generated, settings, "built-in")
