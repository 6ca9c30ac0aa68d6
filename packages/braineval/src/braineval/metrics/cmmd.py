"""CLIP maximum mean discrepancy: MMD² with a Gaussian kernel (σ 10) on CLIP embeddings, times 1,000; lower is nearer.

Jayasumana et al. 2024, there with ViT-L/14 at 336 pixels; ``--weights`` takes any CLIP's folder or cached Hub name.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braincaption.errors import UsageError
from braineval.distance import Array, distance_score
from braineval.kernel import discrepancy, gaussian
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices

SCALE = 1000
Weights = npt.NDArray[np.float64]


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the CMMD."""
    if settings.extractor not in (None, "clip"):
        raise UsageError(f"only CLIP distances are called CMMD, {settings.extractor} is another extractor: use kernel")
    return distance_score("cmmd", _scaled, real, generated, settings, "clip")


def _scaled(first: Array, second: Array, weights: tuple[Weights | None, Weights | None]) -> float:
    return SCALE * discrepancy(first, second, gaussian, weights, unbiased=False)
