"""CLIP score of generated slices and their prompts: 100 × cosine of image and text embedding; higher agrees more.

Hessel et al. 2021 (their scale, negative cosines count as 0). ``--weights`` takes any CLIP's folder or cached Hub name.
The floor is the score of real slices with their own captions.
"""

from __future__ import annotations

from braineval.clip_scoring import captions, clip_text_score
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean CLIP score of slices with their prompts."""
    return clip_text_score("clip-score", captions, "whole prompts", real, generated, settings)
