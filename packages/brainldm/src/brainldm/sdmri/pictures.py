"""Grey slices in, the three-channel pictures that Stable Diffusion knows out; and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from brainldm.slices import to_float


def to_colour(pictures: npt.NDArray[np.uint8], size: int) -> torch.Tensor:
    """Return 8-bit grey slices (n, height, width) as float32 in [−1, 1], shape (n, 3, size, size)."""
    grey = _resized(to_float(pictures), (size, size))
    return (2 * grey - 1).expand(-1, 3, -1, -1)


def to_grey(images: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Return pictures (n, 3, size, size) in [−1, 1] as grey slices in [0, 1], shape (n, 1, *shape).

    The mean of the channels, each cut to its range as a PNG would: a base that has forgotten colour gives equal ones.
    """
    grey = (images.float().clamp(-1, 1).mean(dim=1, keepdim=True) + 1) / 2
    return _resized(grey, shape)


def _resized(images: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    if tuple(images.shape[-2:]) == tuple(shape):
        return images
    return functional.interpolate(images, size=shape, mode="bilinear", antialias=True, align_corners=False)
