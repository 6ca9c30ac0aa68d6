"""Weights of any rank in, an optimizer that moves each as one matrix, all directions alike, out: Muon."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

_MOMENTUM = 0.95
_QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan et al.: takes singular values from (0, 1] to between 0.7 and 1.2
_ITERATIONS = 5
_LEAST_NORM = 1e-7
_KEPT = "momentum_buffer"


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) for convolutions too: a weight (out, in, i, j, k) is the matrix (out, in · i · j · k).

    A step is the momentum with its singular values made equal, so that what few examples show moves as far as what all
    of them show. It does what `torch.optim.Muon` does, which takes matrices only and one after the other; here all of
    one shape move in one product, as a network of small layers would spend most of a step between products.

    Parameters
    ----------
    weights : iterable of nn.Parameter
        Of rank 2 or more.
    learning_rate : float

    References
    ----------
    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """

    def __init__(self, weights: Iterable[nn.Parameter], learning_rate: float) -> None:
        super().__init__(weights, {"lr": learning_rate})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every weight that has a gradient."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for alike in _by_shape(one for one in group["params"] if one.grad is not None):
                self._move(alike, group["lr"])
        return loss

    def _move(self, alike: list[nn.Parameter], learning_rate: float) -> None:
        """Move weights of one shape (rows, columns); wide and tall matrices so that outputs change alike."""
        gradients = torch.stack([_gradient(one) for one in alike])
        momentum = torch.stack([self._momentum(one) for one in alike]).lerp_(gradients, 1 - _MOMENTUM)
        for weight, kept in zip(alike, momentum, strict=True):
            self.state[weight][_KEPT].copy_(kept)
        moves = orthogonal(gradients.lerp(momentum, _MOMENTUM))
        rate = learning_rate * max(1.0, moves.shape[1] / moves.shape[2]) ** 0.5
        for weight, move in zip(alike, moves, strict=True):
            weight.add_(move.view_as(weight), alpha=-rate)

    def _momentum(self, weight: nn.Parameter) -> torch.Tensor:
        state = self.state[weight]
        if _KEPT not in state:
            state[_KEPT] = torch.zeros_like(_gradient(weight))
        kept: torch.Tensor = state[_KEPT]
        return kept


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """Return matrices (n, rows, columns) with all their singular values between 0.7 and 1.2, by Newton and Schulz.

    Examples
    --------
    >>> stretched = torch.diag(torch.tensor([1.0, 0.1])).expand(1, 2, 2)
    >>> torch.linalg.svdvals(orthogonal(stretched)).round(decimals=1).tolist()
    [[1.1, 0.7]]
    """
    tall = matrices.shape[1] > matrices.shape[2]
    found = matrices.mT if tall else matrices
    found = found / torch.linalg.matrix_norm(found, keepdim=True).clamp(min=_LEAST_NORM)
    first, second, third = _QUINTIC
    for _ in range(_ITERATIONS):
        gram = found @ found.mT
        found = torch.baddbmm(found, torch.baddbmm(gram, gram, gram, beta=second, alpha=third), found, beta=first)
    return found.mT if tall else found


def matrices_of(network: nn.Module, *, but: nn.Module) -> list[nn.Parameter]:
    """Return the weights of rank 2 or more of `network`, those of the module `but` left out."""
    without = {id(parameter) for parameter in but.parameters()}
    return [one for one in network.parameters() if one.ndim > 1 and id(one) not in without]


def _gradient(weight: nn.Parameter) -> torch.Tensor:
    assert weight.grad is not None
    return weight.grad.flatten(1)


def _by_shape(weights: Iterable[nn.Parameter]) -> list[list[nn.Parameter]]:
    groups: dict[tuple[int, int], list[nn.Parameter]] = {}
    for one in weights:
        groups.setdefault((len(one), one[0].numel()), []).append(one)
    return list(groups.values())
