"""Grey slices in, the same slices shifted, mirrored, blurred or noisy out: what a classifier must ignore."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

SHIFT = 0.06  # of the side
SCALE = 0.08
GAMMA = 0.1  # standard deviation of the logarithm of the exponent
NOISE = 0.01  # largest standard deviation, of the full grey range
BLURRED = 0.5  # share of slices that are blurred
TWICE = 0.5  # share of those, where blur is strong, that are blurred twice


def augment(images: torch.Tensor, rng: np.random.Generator, *, strong_blur: bool = False) -> torch.Tensor:
    """Return one random variant of each slice, shape (n, 1, h, w), grey values in [0, 1].

    Generated slices are softer than real ones; without blur a classifier would judge sharpness, not contrast. Small
    models draw softer still: `strong_blur` is for judges of theirs.
    """
    n = len(images)
    turn = torch.zeros(n, 2, 3)
    turn[:, 0, 0] = torch.from_numpy(rng.choice([-1.0, 1.0], n) * rng.uniform(1 - SCALE, 1 + SCALE, n)).float()
    turn[:, 1, 1] = torch.from_numpy(rng.uniform(1 - SCALE, 1 + SCALE, n)).float()
    turn[:, :, 2] = torch.from_numpy(rng.uniform(-2 * SHIFT, 2 * SHIFT, (n, 2))).float()
    grid = functional.affine_grid(turn, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    share = torch.from_numpy(rng.uniform(0, 1, (n, 1, 1, 1)) * (rng.random((n, 1, 1, 1)) < BLURRED)).float()
    soft = _blurred(moved)
    if strong_blur:
        soft = torch.where(torch.from_numpy(rng.random((n, 1, 1, 1)) < TWICE), _blurred(soft), soft)
    moved = moved + share * (soft - moved)
    gamma = torch.from_numpy(np.exp(rng.normal(0, GAMMA, (n, 1, 1, 1)))).float()
    spread = rng.uniform(0, NOISE, (n, 1, 1, 1)) * rng.standard_normal(moved.shape)
    return (moved.clamp(1e-6, 1) ** gamma + torch.from_numpy(spread.astype(np.float32))).clamp(0, 1)


def _blurred(images: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
