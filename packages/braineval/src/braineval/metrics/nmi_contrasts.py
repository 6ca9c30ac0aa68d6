"""Normalised mutual information between the contrasts of one prompt, between two real bounds (Kim et al.).

2I/(H₁+H₂) over whole pictures. The floors are bounds: real slices of one person and place in two contrasts (halves),
and of two contrasts at random (people).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.contrasts import contrast_score
from braineval.metrics.nmi import BINS, normalised
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Images, Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean over pairs of two contrasts of one prompt."""
    said = f"{BINS} bins over 0–255, whole pictures, no resizing"
    return contrast_score("nmi-contrasts", information, real, generated, settings, said)


def information(first: Images, second: Images) -> npt.NDArray[np.float64]:
    """Return 2I / (H₁ + H₂) of all pixels of each pair, shape (n,)."""
    return np.array([normalised(a, b) for a, b in zip(first, second, strict=True)])
