"""Words and a length in, a small tokenizer of CLIP's kind out, made here: the real one's vocabulary is not shipped."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel

_START, _END, _LAST = "<|startoftext|>", "<|endoftext|>", "</w>"
WORDS = (
    "axial", "coronal", "sagittal", "weighted", "contrast", "enhanced", "proton", "density", "flair", "mri", "slice",
    "of", "the", "brain", "at", "without", "with", "image", "t",
)  # fmt: skip


def make_tokenizer(max_tokens: int) -> Any:
    """Return a tokenizer with CLIP's byte-pair scheme that knows the `WORDS` of prompts; it spells all others.

    Parameters
    ----------
    max_tokens : int
        Longest prompt, start and end included.
    """
    from transformers import CLIPTokenizer

    alphabet = sorted(ByteLevel.alphabet())
    merges: dict[tuple[str, str], None] = {}
    for word in WORDS:
        letters = [*word[:-1], word[-1] + _LAST]
        grown = ["".join(letters[: i + 1]) for i in range(len(letters))]
        merges |= dict.fromkeys(((left, right[len(left) :]) for left, right in pairwise(grown)), None)
    pieces = [*alphabet, *(letter + _LAST for letter in alphabet), *("".join(pair) for pair in merges), _START, _END]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    return CLIPTokenizer(vocab=vocabulary, merges=list(merges), model_max_length=max_tokens)
