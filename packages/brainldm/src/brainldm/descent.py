"""Gradients and an optimizer in, one clipped and warmed-up step out; and an optimizer's moments on their device."""

from __future__ import annotations

import torch
from torch import nn

from brainldm.pace import warmed_up


def descend(
    optimizer: torch.optim.Optimizer, *, learning_rate: float, clip_norm: float, warmup_steps: int, step: int
) -> None:
    """Clip the gradients, do optimizer step number `step` (from 0), and forget them.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    learning_rate : float
        After the warm-up.
    clip_norm : float
        Largest norm over all gradients together.
    warmup_steps : int
    step : int
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    nn.utils.clip_grad_norm_(parameters, clip_norm)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * warmed_up(step, warmup_steps)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def move_moments(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Move what a checkpoint restored on the CPU to `device`, in place; Adam keeps its step counts on the CPU."""
    for slots in optimizer.state.values():
        for key, value in slots.items():
            if key != "step":
                slots[key] = value.to(device)
