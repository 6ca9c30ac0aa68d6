"""Slices in, a refusal of those too small for five scales out."""

from __future__ import annotations

from braineval.score import NotDefinedError
from braineval.slices import Slices
from braineval.structural import SMALLEST_MULTISCALE


def check_side(slices: Slices, instead: str) -> None:
    """Refuse slices whose smaller side is below 161 pixels, naming the metric to use `instead`.

    Raises
    ------
    NotDefinedError
    """
    side = min(slices.shape)
    if side < SMALLEST_MULTISCALE:
        raise NotDefinedError(
            f"MS-SSIM wants at least {SMALLEST_MULTISCALE} pixels a side, these slices have {side}: use {instead}, or "
            f"render larger ones (nothing is upsampled here)"
        )
