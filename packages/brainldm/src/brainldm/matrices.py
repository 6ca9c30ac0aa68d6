"""Weights of any rank in, an optimizer that moves each as one matrix, all directions alike, out: Muon."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn


class Muon(torch.optim.Muon):
    """Muon (Jordan et al. 2024) for convolutions too: a weight (out, in, i, j, k) is the matrix (out, in · i · j · k).

    A step is the momentum with its singular values made equal, so that what few examples show moves as far as what all
    of them show. Gradients need no clipping: their length does not matter.

    Parameters
    ----------
    weights : iterable of nn.Parameter
        Of rank 2 or more.
    learning_rate : float
    """

    def __init__(self, weights: Iterable[nn.Parameter], learning_rate: float) -> None:
        self._weights = list(weights)
        # torch's own takes matrices only: these share their memory with the weights.
        self._matrices = [nn.Parameter(weight.detach().flatten(1)) for weight in self._weights]
        super().__init__(self._matrices, lr=learning_rate, weight_decay=0.0)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every weight by its gradient."""
        for weight, matrix in zip(self._weights, self._matrices, strict=True):
            matrix.grad = None if weight.grad is None else weight.grad.flatten(1)
        return super().step(closure)  # type: ignore[no-untyped-call]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        super().zero_grad(set_to_none)
        for weight in self._weights:
            weight.grad = None


def matrices_of(network: nn.Module, *, but: nn.Module) -> list[nn.Parameter]:
    """Return the weights of rank 2 or more of `network`, those of the module `but` left out."""
    without = {id(parameter) for parameter in but.parameters()}
    return [one for one in network.parameters() if one.ndim > 1 and id(one) not in without]
