"""U-Net settings and a text encoder's width in, MONAI's DiffusionModelUNet with masked text conditioning out."""

from __future__ import annotations

import math
from typing import Any

import torch
from monai.networks.nets import DiffusionModelUNet
from torch import nn

from brainldm.attention import mask_cross_attention, with_mask
from brainldm.config import UnetSettings
from brainldm.text.protocol import EncodedText

NORM_EPS = 1e-6  # the tutorial's


class TextUNet(nn.Module):
    """A denoiser of latents given a timestep and a caption.

    Parameters
    ----------
    settings : UnetSettings
    latent_shape : tuple of int
        (channels, height, width).
    encoder_width : int
        Width of the text encoder's tokens; projected where it is not ``settings.text_width``.
    """

    def __init__(self, settings: UnetSettings, latent_shape: tuple[int, ...], encoder_width: int) -> None:
        super().__init__()
        latent_channels = latent_shape[0]
        self.unet: Any = DiffusionModelUNet(
            spatial_dims=2,
            in_channels=latent_channels * (2 if settings.layout_text else 1),
            out_channels=latent_channels,
            channels=settings.channels,
            num_res_blocks=settings.res_blocks,
            attention_levels=settings.attention_levels,
            num_head_channels=settings.head_channels,
            norm_num_groups=settings.norm_groups,
            norm_eps=NORM_EPS,
            with_conditioning=True,
            cross_attention_dim=settings.text_width,
            num_class_embeds=1 if settings.pooled_text else None,
            use_flash_attention=True,
        )
        mask_cross_attention(self.unet)
        same = encoder_width == settings.text_width
        self.project = nn.Identity() if same else nn.Linear(encoder_width, settings.text_width)
        self.pooled = settings.pooled_text
        self.layout = _layout(encoder_width, latent_shape) if settings.layout_text else None
        if self.pooled:
            self.unet.class_embedding = _pooled_embedding(encoder_width, 4 * settings.channels[0])

    def forward(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        tokens: torch.Tensor,
        mask: torch.Tensor,
        pooled: torch.Tensor,
    ) -> torch.Tensor:
        """Return the prediction, shape of `latents` (n, channels, h, w), for captions given as `EncodedText` fields."""
        seen, context, labels = self.inputs(latents, tokens, mask, pooled)
        return self.unet(seen, timesteps, context=context, class_labels=labels)

    def inputs(
        self, latents: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor, pooled: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Return what MONAI's U-Net takes: its input channels, the masked context, and its class embedding's input."""
        context = with_mask(self.project(tokens), mask)
        if self.layout is not None:
            latents = torch.cat([latents, self.layout(pooled)], dim=1)
        return latents, context, pooled if self.pooled else None

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, text: EncodedText) -> torch.Tensor:
        """Return `forward` of captions as one object."""
        return self(latents, timesteps, text.tokens, text.mask, text.pooled)


def _layout(width: int, latent_shape: tuple[int, ...]) -> nn.Module:
    return nn.Sequential(
        nn.Linear(width, 4 * width),
        nn.SiLU(),
        nn.Linear(4 * width, math.prod(latent_shape)),
        nn.Unflatten(1, latent_shape),
    )


def _pooled_embedding(width: int, time_width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, time_width), nn.SiLU(), nn.Linear(time_width, time_width))
