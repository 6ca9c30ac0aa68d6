"""CLIP score of slices and the contrast their prompts ask for, nothing else: higher agrees more.

As `clip-score`, with "a T1-weighted brain MRI" in the place of the whole prompt (the partial prompt of Kim et al.).
"""

from __future__ import annotations

from braincaption.language import load_language
from braineval.clip_scoring import clip_text_score
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean CLIP score of slices with their contrast."""
    return clip_text_score("clip-score-contrast", _contrast, "the contrast alone", real, generated, settings)


def _contrast(slices: Slices) -> list[str | None]:
    words = load_language("en").words["sequences"]
    return [
        None if name is None else f"a {words.get(str(name), str(name))} brain MRI" for name in slices.column("sequence")
    ]
