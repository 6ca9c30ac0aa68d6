"""Image tokens and a padded caption in, cross-attention that never looks at the padding out, and its maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from monai.networks.blocks.crossattention import CrossAttentionBlock
from torch import nn
from torch.nn import functional


def with_mask(tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return a context (n, tokens, width + 1) whose last channel is the mask, as MONAI passes one tensor only."""
    return torch.cat([tokens, mask.unsqueeze(-1).to(tokens.dtype)], dim=-1)


class MaskedCrossAttention(nn.Module):
    """Multi-head cross-attention with the parameters of MONAI's CrossAttentionBlock, and a mask over the text.

    Parameters
    ----------
    block : CrossAttentionBlock
        Its projections are taken over, so that MONAI's weights load under the same names.
    """

    def __init__(self, block: CrossAttentionBlock) -> None:
        super().__init__()
        self.heads: int = block.num_heads
        self.to_q, self.to_k, self.to_v, self.out_proj = block.to_q, block.to_k, block.to_v, block.out_proj
        self.maps: list[torch.Tensor] | None = None

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Return attended values, shape of `x` (n, pixels, channels), from a context made by `with_mask`."""
        tokens, mask = context[..., :-1], context[..., -1] > 0.5
        query, key, value = self._split(self.to_q(x)), self._split(self.to_k(tokens)), self._split(self.to_v(tokens))
        allowed = mask[:, None, None, :]
        if self.maps is not None:
            self.maps.append(_probabilities(query, key, allowed).sum(1))
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        return self.out_proj(attended.transpose(1, 2).flatten(2))

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)  # (n, heads, positions, width of a head)


def mask_cross_attention(network: nn.Module) -> None:
    """Replace every cross-attention of a MONAI U-Net or ControlNet by `MaskedCrossAttention`, in place."""
    for module in list(network.modules()):
        block = getattr(module, "attn2", None)
        if isinstance(block, CrossAttentionBlock):
            module.attn2 = MaskedCrossAttention(block)


@contextmanager
def recorded_maps(network: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Collect the attention of every layer and call inside the block.

    Yields
    ------
    list of Tensor, each (n, pixels, tokens)
        softmax(QKᵀ/√d), summed over heads, in the order of calls.
    """
    layers = [module for module in network.modules() if isinstance(module, MaskedCrossAttention)]
    maps: list[torch.Tensor] = []
    for layer in layers:
        layer.maps = maps
    try:
        yield maps
    finally:
        for layer in layers:
            layer.maps = None


def _probabilities(query: torch.Tensor, key: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    return scores.masked_fill(~allowed, float("-inf")).softmax(-1)
