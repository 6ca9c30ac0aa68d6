"""Structural similarity between the contrasts of one prompt, between two real bounds (Kim et al.).

The floors are bounds: real slices of one person and place in two contrasts (halves), and at random (people).
"""

from __future__ import annotations

from braineval.contrasts import contrast_score
from braineval.metrics.ssim import similarity
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean over pairs of two contrasts of one prompt."""
    return contrast_score("ssim-contrasts", similarity, real, generated, settings, "no resizing")
