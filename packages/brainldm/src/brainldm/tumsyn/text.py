"""Tokens of prompts in, one vector a prompt out: the causal text Transformer of stage 1 (Radford et al. 2021)."""

from __future__ import annotations

import torch
from torch import nn

from brainldm.text.numbers import FEATURES, number_features
from brainldm.tumsyn.settings import PromptSettings
from brainldm.tumsyn.tokens import Tokens


class PromptTransformer(nn.Module):
    """A Transformer in which a token sees those before it; the state at the end token, projected, is the prompt.

    Parameters
    ----------
    settings : PromptSettings
    vocabulary : int
        Number of tokens of the tokenizer.
    """

    def __init__(self, settings: PromptSettings, vocabulary: int) -> None:
        super().__init__()
        width = settings.width
        self.token = nn.Embedding(vocabulary, width)
        self.place = nn.Parameter(torch.empty(settings.tokens, width))
        self.number = nn.Linear(FEATURES, width) if settings.numbers else None
        layer = nn.TransformerEncoderLayer(
            width, settings.heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(
            layer, settings.layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.projection = nn.Linear(width, settings.embedding, bias=False)
        nn.init.normal_(self.token.weight, std=0.02)
        nn.init.normal_(self.place, std=0.01)
        nn.init.normal_(self.projection.weight, std=width**-0.5)

    def forward(self, tokens: Tokens) -> torch.Tensor:
        """Return embeddings, shape (n, embedding); what stands after the end token is not seen from there."""
        device = self.place.device
        ids = tokens.ids.to(device)
        states = self.token(ids) + self.place[: ids.shape[1]]
        if self.number is not None:
            states = states + self.number(number_features(tokens.values).to(device))
        later = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=device).triu(1)
        states = self.layers(states, mask=later)
        rows = torch.arange(len(ids), device=device)
        return self.projection(states[rows, tokens.ends.to(device)])
