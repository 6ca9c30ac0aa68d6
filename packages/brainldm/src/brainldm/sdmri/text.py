"""A base's tokenizer and text encoder and prompts in, the states that its U-Net attends to out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from brainldm.sdmri.base import Base
from brainldm.text.protocol import EncodedText


class PromptEncoder:
    """CLIP's text encoder as Stable Diffusion uses it: padded to its full length, and the padding is attended to.

    Parameters
    ----------
    base : Base
    """

    def __init__(self, base: Base) -> None:
        self.tokenizer: Any = base.load("tokenizer")
        self.model: Any = base.load("text_encoder")
        self.max_tokens = int(self.model.config.max_position_embeddings)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> EncodedText:
        """Return the last states of `prompts`, tokens of shape (n, max_tokens, width); longer ones are cut."""
        found = self.tokenizer(
            list(prompts), padding="max_length", truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )
        states = self.model(found["input_ids"]).last_hidden_state
        return whole(states.float())


def whole(states: torch.Tensor) -> EncodedText:
    """Return states (n, tokens, width) of which all are attended to, as the loops of brainldm take text."""
    return EncodedText(tokens=states, mask=torch.ones(states.shape[:2], dtype=torch.bool), pooled=states.mean(1))
