"""CLIP score of slices and the structures their prompts name, nothing else: higher agrees more.

As `clip-score`, with the names of the structures in the place of the whole prompt.
"""

from __future__ import annotations

from braincaption.lut import load_lut
from braineval.asked import asked_volumes
from braineval.clip_scoring import clip_text_score
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean CLIP score of slices with the names of their structures."""
    return clip_text_score("clip-score-structures", _structures, "the structures alone", real, generated, settings)


def _structures(slices: Slices) -> list[str | None]:
    lut = load_lut("freesurfer")
    return [", ".join(lut.phrase(label) for label in one) if one else None for one in asked_volumes(slices)]
