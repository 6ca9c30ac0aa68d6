"""Volumes in, one vector a volume out: the 3-D vision Transformer of stage 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from monai.networks.nets import ViT
from torch import nn

from brainldm.tumsyn.settings import VisionSettings


class VolumeTransformer(nn.Module):
    """MONAI's ViT on a cropped volume; the state of its class token, projected, is the volume.

    Parameters
    ----------
    settings : VisionSettings
    embedding : int
        Width of the space shared with prompts.
    """

    def __init__(self, settings: VisionSettings, embedding: int) -> None:
        super().__init__()
        self.vit: Any = ViT(
            in_channels=1,
            img_size=(settings.crop,) * 3,
            patch_size=(settings.patch,) * 3,
            hidden_size=settings.width,
            mlp_dim=settings.mlp,
            num_layers=settings.layers,
            num_heads=settings.heads,
            proj_type="conv",
            classification=True,
            post_activation="",
        )
        self.vit.classification_head = nn.Identity()  # the projection below takes its place
        self.projection = nn.Linear(settings.width, embedding, bias=False)
        nn.init.normal_(self.projection.weight, std=settings.width**-0.5)

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        """Return embeddings, shape (n, embedding), of volumes (n, 1, crop, crop, crop)."""
        return self.projection(self.vit(volumes)[0])


def seen(
    voxels: npt.NDArray[np.floating], settings: VisionSettings, shift: tuple[int, ...] = (0, 0, 0)
) -> npt.NDArray[np.float32]:
    """Return what the Transformer is shown of a volume: averaged by `halving`, the middle `crop` voxels an axis.

    Parameters
    ----------
    voxels : ndarray, shape (i, j, k)
        From 0 to 1.
    settings : VisionSettings
    shift : tuple of int
        How far the crop is moved, voxels after averaging.
    """
    return cropped(halved(voxels, settings.halving), settings.crop, shift)


def halved(voxels: npt.NDArray[np.floating], step: int) -> npt.NDArray[np.float32]:
    """Return a volume averaged over cubes of `step` voxels."""
    even = np.pad(np.asarray(voxels, dtype=np.float32), [(0, -n % step) for n in voxels.shape])
    i, j, k = (n // step for n in even.shape)
    return np.asarray(even.reshape(i, step, j, step, k, step).mean(axis=(1, 3, 5)), dtype=np.float32)


def cropped(coarse: npt.NDArray[np.float32], crop: int, shift: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return the middle `crop` voxels an axis, moved by `shift`; zeros where there are none."""
    shown = np.zeros((crop,) * 3, dtype=np.float32)
    places = [_overlap(n, crop, offset) for n, offset in zip(coarse.shape, shift, strict=True)]
    shown[tuple(to for to, _ in places)] = coarse[tuple(of for _, of in places)]
    return shown


def _overlap(length: int, crop: int, shift: int) -> tuple[slice, slice]:
    """Return where in the crop, and from where in the volume, voxels go when their middles lie `shift` apart."""
    first = (length - crop) // 2 + shift
    begin, end = max(first, 0), min(first + crop, length)
    return slice(begin - first, max(end, begin) - first), slice(begin, max(end, begin))
