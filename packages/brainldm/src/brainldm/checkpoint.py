"""Networks, averages and optimizers in, one safetensors file out, and back to the last bit: no pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError

_ABOUT = "checkpoint"
Parts = dict[str, "nn.Module | torch.optim.Optimizer"]


def save_checkpoint(path: Path, parts: Parts, step: int, identity: dict[str, Any]) -> None:
    """Write the state of `parts` after `step` steps.

    Parameters
    ----------
    path : Path
    parts : dict of module or optimizer
    step : int
        Optimizer steps done. Everything random follows from it (see `brainldm.chance`), so no generator is kept.
    identity : dict
        What a run must share to go on from here: settings, seed, data.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, part in parts.items():
        for key, tensor in _flatten(part).items():
            tensors[f"{name}/{key}"] = tensor.detach().contiguous().cpu().clone()
    with atomic_path(path) as aside:
        # One entry: safetensors writes several in random order, and equal checkpoints would differ in their bytes.
        save_file(tensors, aside, metadata={_ABOUT: _canonical({"step": step, "identity": identity})})


def load_checkpoint(path: Path, parts: Parts, identity: dict[str, Any]) -> int:
    """Put the state of `path` into `parts` and return its step; 0 where there is no checkpoint.

    Raises
    ------
    UsageError
        The checkpoint belongs to other settings, another seed or other data.
    """
    if not path.exists():
        return 0
    with safe_open(path, framework="pt") as opened:
        about = json.loads(opened.metadata()[_ABOUT])
        other = _differences(about["identity"], identity)
        if other:
            raise UsageError(f"{path} was trained with other {other}: repeat those, or choose another --out")
        tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 - it is no dict
    for name, part in parts.items():
        prefix = f"{name}/"
        _restore(part, {key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)})
    return int(about["step"])


def _canonical(identity: dict[str, Any]) -> str:
    return json.dumps(identity, sort_keys=True)


def _differences(kept: dict[str, Any], identity: dict[str, Any]) -> str:
    now = json.loads(_canonical(identity))
    return ", ".join(sorted(key for key in {*kept, *now} if kept.get(key) != now.get(key)))


def _flatten(part: nn.Module | torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    if isinstance(part, nn.Module):
        return dict(part.state_dict())
    state = part.state_dict()["state"]
    return {f"{index}/{key}": torch.as_tensor(value) for index, slots in state.items() for key, value in slots.items()}


def _restore(part: nn.Module | torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    if isinstance(part, nn.Module):
        part.load_state_dict(tensors)
        return
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        index, slot = key.split("/", 1)
        state.setdefault(int(index), {})[slot] = tensor
    part.load_state_dict({"state": state, "param_groups": part.state_dict()["param_groups"]})
