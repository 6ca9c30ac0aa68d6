"""Fréchet Inception Distance: the Fréchet distance of 2,048 Inception features; lower is nearer.

The weights come from ``--weights FILE`` or torch's hub cache; nothing is downloaded. Read it beside its floors: at
equal distributions it is far from zero, the more so the fewer slices there are.
"""

from __future__ import annotations

from braincaption.errors import UsageError
from braineval.distance import distance_score
from braineval.frechet import feature_distance
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the FID."""
    if settings.extractor not in (None, "inception"):
        raise UsageError(
            f"only Inception distances are called FID, {settings.extractor} is another extractor: use frechet"
        )
    return distance_score("fid", feature_distance, real, generated, settings, "inception")
