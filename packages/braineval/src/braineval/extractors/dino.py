"""Class-token features of a DINO in a local folder or the Hub cache (``--weights FOLDER-OR-NAME``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from braineval.pretrained import MEAN, STD, as_rgb, checksum, load_model, load_settings

# Oquab et al. 2024; self-supervised, so that no ImageNet class decides what counts.
DEFAULT = "facebook/dinov2-base"


@dataclass(frozen=True, kw_only=True)
class Dino:
    """A vision transformer and how its inputs are made."""

    model: Any
    sha256: str
    dimension: int
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    name: str = "dino"

    @property
    def preprocessing(self) -> str:
        """How a slice becomes the network's input."""
        return f"grey as RGB, {self.side} × {self.side} bicubic, the model's means and standard deviations, class token"

    def __call__(self, images: npt.NDArray[np.uint8], /) -> npt.NDArray[np.float32]:
        """Return class tokens, (n, h, w) → (n, dimension)."""
        with torch.inference_mode():
            found = self.model(pixel_values=as_rgb(images, self.side, self.mean, self.std))
        return np.asarray(found.last_hidden_state[:, 0].numpy(), dtype=np.float32)


def load(weights: Path | None) -> Dino:
    """Return the DINO called or lying at `weights`; by default DINOv2 ViT-B/14.

    Raises
    ------
    NotDefinedError
        It is not on this machine.
    """
    name = DEFAULT if weights is None else str(weights)
    model, said = load_model("DINO", name), load_settings(name)
    crop = dict(said.get("crop_size") or said.get("size") or {})
    return Dino(
        model=model,
        sha256=checksum(model),
        dimension=int(model.config.hidden_size),
        side=int(crop.get("height") or crop.get("shortest_edge") or model.config.image_size),
        mean=tuple(said.get("image_mean", MEAN)),
        std=tuple(said.get("image_std", STD)),
    )
