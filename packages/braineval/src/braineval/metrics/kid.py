"""Kernel Inception Distance: unbiased MMD² with a cubic kernel on Inception features; near 0 for equal distributions.

Bińkowski et al. 2018, one set of everything instead of random subsets. Weights as for `fid`.
"""

from __future__ import annotations

from braincaption.errors import UsageError
from braineval.distance import distance_score
from braineval.metrics.kernel import unbiased_cubic
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the KID."""
    if settings.extractor not in (None, "inception"):
        raise UsageError(
            f"only Inception distances are called KID, {settings.extractor} is another extractor: use kernel"
        )
    return distance_score("kid", unbiased_cubic, real, generated, settings, "inception")
