"""Grey slices in, a few dozen features out: the small network behind classifier and built-in extractor."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

SIDE = 64
WIDTHS = (16, 32, 64, 128)
FEATURES = WIDTHS[-1]
_GROUPS = 8


class SliceNetwork(nn.Module):
    """Four strided convolutions, mean pooling and one linear layer for what it is trained to tell.

    Parameters
    ----------
    outputs : int
        Numbers predicted from the features.

    Notes
    -----
    Slices of any size are first brought to 64 × 64 pixels (area averaging downwards, bilinear upwards).
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((1, *WIDTHS[:-1]), WIDTHS, strict=True):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1),  # (n, after, side / 2, side / 2)
                nn.GroupNorm(_GROUPS, after),
                nn.SiLU(),
            ]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(FEATURES, outputs)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return pooled features of grey values in [0, 1], (n, 1, h, w) → (n, 128)."""
        pooled: torch.Tensor = self.body(to_side(images)).mean(dim=(2, 3))
        return pooled

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the predictions, (n, 1, h, w) → (n, outputs)."""
        predicted: torch.Tensor = self.head(self.features(images))
        return predicted


def to_side(images: torch.Tensor, side: int = SIDE) -> torch.Tensor:
    """Return slices at `side` × `side` pixels, (n, 1, h, w) → (n, 1, side, side)."""
    if images.shape[-2:] == (side, side):
        return images
    if min(images.shape[-2:]) >= side:
        return functional.adaptive_avg_pool2d(images, side)
    return functional.interpolate(images, (side, side), mode="bilinear", align_corners=False)
