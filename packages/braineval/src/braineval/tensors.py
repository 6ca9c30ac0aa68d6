"""8-bit slices in, torch tensors of grey values in [0, 1] out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from braineval.slices import Images


def as_grey(images: Images, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return pixels / 255, shape (n, 1, h, w)."""
    return torch.from_numpy(np.ascontiguousarray(images)).unsqueeze(1).to(dtype) / 255


def as_float64(values: torch.Tensor) -> npt.NDArray[np.float64]:
    """Return a tensor as a float64 array on the CPU."""
    return values.detach().cpu().numpy().astype(np.float64)
