"""Pairs of slices in, structural similarity and its multi-scale form out, over the whole picture or inside a mask.

SSIM: Wang et al. 2004, IEEE TIP 13:600; MS-SSIM: Wang, Simoncelli, Bovik 2003, Asilomar. Gaussian window of 11 pixels,
σ 1.5, K₁ 0.01, K₂ 0.03, valid positions only, grey values in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03
# Exponents of the five scales, finest first (Wang et al. 2003, section 3.2).
BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# The window must fit into the coarsest scale: (side - 1) / 2**4 >= WINDOW - 1.
SMALLEST_MULTISCALE = (WINDOW - 1) * 2 ** (len(BETAS) - 1) + 1


def ssim(first: torch.Tensor, second: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Return SSIM of each pair, shape (n,).

    Parameters
    ----------
    first, second : Tensor, shape (n, 1, h, w)
        Grey values in [0, 1], float32 or float64.
    mask : Tensor of bool, shape (n, 1, h, w), optional
        Only windows whose centre lies inside count.
    """
    full, _ = _maps(first, second)
    return _average(full, mask)


def ms_ssim(
    first: torch.Tensor, second: torch.Tensor, mask: torch.Tensor | None = None, betas: Sequence[float] = BETAS
) -> torch.Tensor:
    """Return MS-SSIM of each pair, shape (n,); parameters as `ssim`, sides of more than 160 pixels.

    Negative contrast terms count as zero, as torchmetrics does with ``normalize="relu"``.
    """
    product = torch.ones(len(first), dtype=first.dtype)
    for scale, beta in enumerate(betas):
        full, contrast = _maps(first, second)
        last = scale == len(betas) - 1
        product = product * _average(full if last else contrast, mask).clamp(min=0) ** beta
        if not last:
            first, second = _halve(first), _halve(second)
            mask = None if mask is None else _halve(mask.to(first.dtype)) >= 0.5
    return product


def brain_mask(image: torch.Tensor) -> torch.Tensor:
    """Return where a stripped slice shows brain, shape (n, 1, h, w): grey above zero, closed by 3 × 3 pixels."""
    bright = (image > 0).to(image.dtype)
    grown = functional.max_pool2d(bright, 3, stride=1, padding=1)
    return -functional.max_pool2d(-grown, 3, stride=1, padding=1) > 0.5


def _halve(images: torch.Tensor) -> torch.Tensor:
    # Odd sides are rounded up, so that 161 pixels leave 11 at the coarsest scale; even sides are unaffected.
    return functional.avg_pool2d(images, 2, ceil_mode=True)


def _maps(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the SSIM map and its contrast-structure part at the valid window positions."""
    stack = torch.cat([first, second, first * first, second * second, first * second])
    mean_a, mean_b, square_a, square_b, product = _blur(stack).chunk(5)
    # Rounding can push a variance of constant patches below zero.
    variance_a = (square_a - mean_a**2).clamp(min=0)
    variance_b = (square_b - mean_b**2).clamp(min=0)
    covariance = product - mean_a * mean_b
    contrast = (2 * covariance + K2**2) / (variance_a + variance_b + K2**2)
    luminance = (2 * mean_a * mean_b + K1**2) / (mean_a**2 + mean_b**2 + K1**2)
    return luminance * contrast, contrast


def _blur(images: torch.Tensor) -> torch.Tensor:
    distance = torch.arange(WINDOW, dtype=images.dtype) - (WINDOW - 1) / 2
    window = torch.exp(-((distance / SIGMA) ** 2) / 2)
    window = window / window.sum()
    rows = functional.conv2d(images, window.view(1, 1, WINDOW, 1))
    return functional.conv2d(rows, window.view(1, 1, 1, WINDOW))


def _average(values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    if mask is None:
        return values.mean(dim=(1, 2, 3))
    edge = (WINDOW - 1) // 2
    inside = mask[..., edge:-edge, edge:-edge].to(values.dtype)
    total = inside.sum(dim=(1, 2, 3))
    # A mask that has vanished at a coarse scale leaves nothing to average: the pair counts as not a number.
    return (values * inside).sum(dim=(1, 2, 3)) / total
