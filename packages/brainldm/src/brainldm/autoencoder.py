"""VAE settings in, MONAI's AutoencoderKL out; and its reparametrised pass with noise that the caller draws."""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.nets import AutoencoderKL
from torch import nn

from brainldm.config import VaeSettings

_TUTORIAL_NORM_EPS = 1e-6
_FIRST_LOG_VARIANCE = -6.0


def build_vae(settings: VaeSettings) -> nn.Module:
    """Return an untrained AutoencoderKL for one-channel slices."""
    vae: Any = AutoencoderKL(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        channels=settings.channels,
        num_res_blocks=settings.res_blocks,
        latent_channels=settings.latent_channels,
        norm_num_groups=settings.norm_groups,
        norm_eps=_TUTORIAL_NORM_EPS,
        attention_levels=settings.attention_levels,
        with_encoder_nonlocal_attn=settings.nonlocal_attention,
        with_decoder_nonlocal_attn=settings.nonlocal_attention,
        include_fc=settings.nonlocal_attention,
    )
    # MONAI starts with a latent whose noise is as large as its signal; from a small deviation the first steps learn.
    nn.init.zeros_(vae.quant_conv_log_sigma.conv.weight)
    nn.init.constant_(vae.quant_conv_log_sigma.conv.bias, _FIRST_LOG_VARIANCE)
    return vae


def downsampling(settings: VaeSettings) -> int:
    """Return how many pixels of a slice one latent pixel spans along each axis."""
    return int(2 ** (len(settings.channels) - 1))


class AutoencodeWithNoise(nn.Module):
    """Encode, draw the latent from given noise, decode: one forward for DDP and torch.compile."""

    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.vae: Any = vae

    def forward(self, images: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return reconstruction (n, 1, h, w), latent mean and standard deviation (n, z, h', w')."""
        mean, deviation = self.vae.encode(images)
        return self.vae.decode(mean + deviation * noise), mean, deviation
