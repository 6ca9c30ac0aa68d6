"""Share of generated slices that lie among the real ones in feature space: higher is more faithful.

Manifolds of 3 nearest neighbours (Kynkäänniemi et al. 2019), by default of the built-in extractor's features. It
depends on the number of slices on either side: read it beside its floors.
"""

from __future__ import annotations

from braineval.manifold import manifold_score
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the share, as ``precision-<extractor>``."""
    return manifold_score("precision", real, generated, settings, of_generated=True)
