"""What every text encoder offers, and the batch of embeddings it returns; one file an encoder implements it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch


@dataclass(frozen=True, kw_only=True)
class EncodedText:
    """Captions as vectors, padded to the longest of them.

    Attributes
    ----------
    tokens : Tensor of float32, shape (n, longest, width)
    mask : Tensor of bool, shape (n, longest)
        True where there is a token, False where there is padding.
    pooled : Tensor of float32, shape (n, width)
        One vector a caption.
    """

    tokens: torch.Tensor
    mask: torch.Tensor
    pooled: torch.Tensor

    def to(self, device: torch.device) -> EncodedText:
        """Return the embeddings on `device`."""
        return EncodedText(tokens=self.tokens.to(device), mask=self.mask.to(device), pooled=self.pooled.to(device))

    def expand(self, count: int) -> EncodedText:
        """Return the embedding of one caption as a batch of `count`."""
        return EncodedText(
            tokens=self.tokens.expand(count, -1, -1),
            mask=self.mask.expand(count, -1),
            pooled=self.pooled.expand(count, -1),
        )


class TextEncoder(Protocol):
    """A frozen text encoder with its tokenizer."""

    name: str
    width: int
    max_tokens: int

    def count(self, caption: str) -> int:
        """Return the number of tokens of `caption`, special ones included."""
        ...

    def spans(self, caption: str) -> list[tuple[int, int]]:
        """Return the characters (start, end) that each token covers; special tokens cover none."""
        ...

    def encode(self, captions: Sequence[str]) -> EncodedText:
        """Return embeddings of captions, none longer than `max_tokens`."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything that `brainldm.text.registry.load_encoder` needs."""
        ...
