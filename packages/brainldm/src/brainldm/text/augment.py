"""A caption in, the same caption with some phrases left out: short prompts, and no phrase that betrays another."""

from __future__ import annotations

import numpy as np

from brainldm.text.shorten import PHRASE_END, joined

KEPT = 0.6  # share of phrases that stay, on average


def caption_variants(caption: str, count: int, rng: np.random.Generator) -> list[str]:
    """Return `caption` itself and `count` − 1 copies with phrases left out.

    A model that always sees all phrases of few people together learns that an 82-year-old at 3 T is a T2w scan; one
    that sees them apart listens to the word T1w.
    """
    return [caption, *(some_phrases(caption, rng) for _ in range(count - 1))]


def some_phrases(caption: str, rng: np.random.Generator) -> str:
    """Return a random choice of the phrases of `caption`, in order, at least one."""
    phrases = PHRASE_END.split(caption)
    kept = rng.random(len(phrases)) < KEPT
    kept[rng.integers(len(phrases))] = True
    return joined([phrase for phrase, keep in zip(phrases, kept, strict=True) if keep])
