"""A network in, the exponential moving average of its weights out."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Averaged:
    """Exponential moving average of a network's parameters and buffers; young averages forget faster.

    Parameters
    ----------
    network : nn.Module
    decay : float
        Weight of the old average once warm: step s uses min(decay, (1 + s) / (10 + s)).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights of `network` after step `step` (from 0)."""
        keep = min(self.decay, (1 + step) / (10 + step))
        ours = [tensor for tensor in self.network.state_dict().values() if tensor.is_floating_point()]
        theirs = [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
        torch._foreach_lerp_(ours, theirs, 1 - keep)
