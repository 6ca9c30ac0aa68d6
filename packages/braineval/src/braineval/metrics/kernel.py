"""Kernel distance (cubic kernel, unbiased) between features, named after its extractor: lower is nearer, near 0 equal.

KID's formula (Bińkowski et al. 2018) on the built-in or another extractor's features, one set of everything instead of
random subsets. Unlike the Fréchet distance it does not grow when slices are few.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.distance import Array, distance_score
from braineval.kernel import cubic, discrepancy
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices

Weights = npt.NDArray[np.float64]


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the kernel distance, as ``kernel-<extractor>``."""
    return distance_score("kernel-{extractor}", unbiased_cubic, real, generated, settings, "built-in")


def unbiased_cubic(first: Array, second: Array, weights: tuple[Weights | None, Weights | None]) -> float:
    """Return the unbiased MMD² with the cubic kernel."""
    return discrepancy(first, second, cubic, weights, unbiased=True)
