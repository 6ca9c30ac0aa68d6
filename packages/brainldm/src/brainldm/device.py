"""A precision's name in, the Accelerator that places networks and batches out: CPU, one GPU, or many processes."""

from __future__ import annotations

import warnings

import torch
from accelerate import Accelerator

from braincaption.errors import UsageError
from brainldm.memory import keep_freed_memory

_MIXED = {"fp32": "no", "bf16": "bf16"}


def make_accelerator(precision: str) -> Accelerator:
    """Return the Accelerator of this process; bf16 autocast is used on a GPU only."""
    if precision not in _MIXED:
        raise UsageError(f"precision is {precision!r}, wanted fp32 or bf16: repair the config")
    on_gpu = torch.cuda.is_available()
    if not on_gpu:
        keep_freed_memory()
    with warnings.catch_warnings():
        # accelerate asks torch's launcher for variables that only it understands; no matter on one CPU
        warnings.simplefilter("ignore")
        return Accelerator(cpu=not on_gpu, mixed_precision=_MIXED[precision] if on_gpu else "no")


def inference_device() -> torch.device:
    """Return the GPU where there is one, otherwise the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    keep_freed_memory()
    return torch.device("cpu")


def use_threads(count: int | None) -> None:
    """Let torch use `count` CPU threads; None leaves its own choice, which follows OMP_NUM_THREADS."""
    if count is not None:
        torch.set_num_threads(count)
