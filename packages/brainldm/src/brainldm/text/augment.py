"""A caption in, the same caption with some phrases left out: short prompts, and no phrase that betrays another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set

import numpy as np
import pandas as pd

from brainldm.text.shorten import PHRASE_END, joined

KEPT = 0.6  # share of phrases that stay, on average
NAMES = 0.25  # share of a sequence's captions that a word must occur in to count as its name
_WORD = re.compile(r"\b[^\W\d_][^\W_]*(?:[-*]+[^\W_]+)*")


def naming_words(captions: Sequence[str], sequences: Sequence[str | None]) -> frozenset[str]:
    """Return the words that name a sequence: in many captions of that sequence, in none of any other.

    Found in the captions themselves, so that it holds for any language and for captions of other projects.

    Parameters
    ----------
    captions : sequence of str
    sequences : sequence of str or None
        Each caption's sequence, where it is known.
    """
    known = [(words(caption), name) for caption, name in zip(captions, sequences, strict=True) if not pd.isna(name)]
    total = Counter(name for _, name in known)
    found = Counter((word, name) for said, name in known for word in said)
    belongs = Counter(word for word, _ in found)
    return frozenset(
        word
        for (word, name), count in found.items()
        if belongs[word] == 1 < len(total) and count >= NAMES * total[name]
    )


def words(text: str) -> set[str]:
    """Return the words of `text` in lower case, numbers apart; "T1-weighted" is one."""
    return set(_WORD.findall(text.lower()))


def caption_variants(caption: str, count: int, rng: np.random.Generator, kept: Set[str] = frozenset()) -> list[str]:
    """Return `caption` itself and `count` − 1 copies with phrases left out, but none that holds a word of `kept`.

    A model that always sees all phrases of few people together learns that an 82-year-old at 3 T is a T2w scan; one
    that sees them apart listens to the word T1w. That word itself has to stay: from a caption without it, the only way
    to guess the sequence is the age and the scanner.
    """
    return [caption, *(some_phrases(caption, rng, kept) for _ in range(count - 1))]


def some_phrases(caption: str, rng: np.random.Generator, kept: Iterable[str] = ()) -> str:
    """Return a random choice of the phrases of `caption`, in order, at least one, and all with a word of `kept`."""
    phrases = PHRASE_END.split(caption)
    stays = rng.random(len(phrases)) < KEPT
    stays[rng.integers(len(phrases))] = True
    stays |= [not words(phrase).isdisjoint(kept) for phrase in phrases]
    return joined([phrase for phrase, stay in zip(phrases, stays, strict=True) if stay])
