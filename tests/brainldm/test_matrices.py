"""Muon over convolutions: one matrix a weight, memory shared, gradients forgotten."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from brainldm.matrices import Muon, matrices_of

RATE = 0.1


def test_weights_move_as_by_torch_which_takes_one_matrix_after_the_other() -> None:
    torch.manual_seed(0)
    # two of one shape, which move in one product, and a tall one
    layers = [nn.Conv3d(4, 6, 3), nn.Conv3d(4, 6, 3), nn.Linear(3, 9)]
    weights = [layer.weight for layer in layers]
    matrices = [nn.Parameter(weight.detach().flatten(1).clone()) for weight in weights]
    begun = [matrix.detach().clone() for matrix in matrices]
    ours, theirs = Muon(weights, RATE), torch.optim.Muon(matrices, lr=RATE, weight_decay=0.0)
    for _ in range(3):
        for weight, matrix in zip(weights, matrices, strict=True):
            weight.grad = torch.randn_like(weight)
            matrix.grad = weight.grad.flatten(1)
        ours.step()
        theirs.step()
    for weight, matrix, start in zip(weights, matrices, begun, strict=True):
        apart = (weight.flatten(1) - matrix).norm() / (matrix - start).norm()
        assert apart < 0.03, "torch iterates in bfloat16, which has three digits"


def test_strong_and_weak_directions_move_alike() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(8, 2, 2, 2, 2))
    strengths = torch.logspace(0, -1, 16)
    weight.grad = (torch.randn(8, 16) * strengths).view_as(weight)
    Muon([weight], RATE).step()
    moved = torch.linalg.svdvals(weight.detach().flatten(1)) / RATE
    assert moved.max() / moved.min() < 2  # Newton-Schulz takes them to between 0.7 and 1.2
    assert moved.mean() == pytest.approx(1.0, abs=0.3)


def test_gradients_are_forgotten() -> None:
    weight = nn.Parameter(torch.randn(3, 5))
    optimizer = Muon([weight], RATE)
    weight.sum().backward()
    optimizer.zero_grad()
    before = weight.detach().clone()
    optimizer.step()
    assert weight.grad is None
    assert torch.equal(weight, before)


def test_vectors_and_the_last_layer_are_left_to_another_optimizer() -> None:
    network = nn.Sequential(nn.Conv3d(1, 2, 3), nn.LayerNorm(4), nn.Linear(4, 1))
    assert [id(one) for one in matrices_of(network, but=network[2])] == [id(network[0].weight)]
