"""Images and latents in, the terms of the VAE's loss out: L1, perceptual, KL, adversarial."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from monai.losses import PatchAdversarialLoss
from monai.networks.nets import PatchDiscriminator
from torch import nn
from torch.nn import functional

from braincaption.errors import BrainError, UsageError
from brainldm.config import VaeTraining

Perceptual = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
_WINDOW = 7  # pixels a side of the structural term's box window
_SCALES = 3
_C1, _C2 = 0.01**2, 0.03**2  # Wang et al. 2004, for images in [0, 1]


def kl_divergence(mean: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """Return KL(N(mean, deviation²) ‖ N(0, 1)), summed over a latent and averaged over the batch."""
    terms = mean.square() + deviation.square() - 2 * deviation.clamp_min(1e-12).log() - 1
    return 0.5 * terms.flatten(1).sum(1).mean()


def structural_loss(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return 1 − SSIM (Wang et al. 2004), averaged over scales 1, 1/2 and 1/4; images (n, 1, h, w) in [0, 1]."""
    losses = []
    for _ in range(_SCALES):
        losses.append(1 - _similarity(first, second).mean())
        if min(first.shape[-2:]) < 2 * _WINDOW:
            break
        first, second = functional.avg_pool2d(first, 2), functional.avg_pool2d(second, 2)
    return torch.stack(losses).mean()


def _similarity(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    stacked = torch.cat([first, second, first * first, second * second, first * second], dim=1)
    means = functional.avg_pool2d(stacked, _WINDOW, stride=1)
    mean1, mean2, square1, square2, product = means.unbind(1)
    covariance = product - mean1 * mean2
    variances = square1 - mean1 * mean1 + square2 - mean2 * mean2
    luminance = (2 * mean1 * mean2 + _C1) / (mean1 * mean1 + mean2 * mean2 + _C1)
    return luminance * (2 * covariance + _C2) / (variances + _C2)


def perceptual_loss(settings: VaeTraining) -> tuple[str, Perceptual]:
    """Return the perceptual term that a config asks for, and its name: ``lpips`` or ``structural``.

    Raises
    ------
    BrainError
        ``lpips`` without the package or without its trunk's weights in the local cache: nothing is downloaded here.
    """
    if settings.perceptual == "structural":
        return "structural", structural_loss
    if settings.perceptual not in ("lpips", "lpips or structural"):
        wanted = 'structural, lpips or "lpips or structural"'
        raise UsageError(f"perceptual is {settings.perceptual!r}, wanted {wanted}: repair the config")
    try:
        return "lpips", _lpips()
    except BrainError:
        if settings.perceptual == "lpips":
            raise
        return "structural", structural_loss


def _lpips() -> Perceptual:
    try:
        lpips: Any = importlib.import_module("lpips")
    except ImportError as error:
        raise BrainError(
            f"lpips does not import ({error}): pip install 'brainldm[lpips]', or set perceptual = \"structural\""
        ) from None
    cached = torch.hub.get_dir() + "/checkpoints"
    try:
        trunk = lpips.LPIPS(net="squeeze", pretrained=True, pnet_rand=False, verbose=False, eval_mode=True)
    except Exception as error:  # torchvision raises URLError, RuntimeError or OSError, depending on what is missing
        raise BrainError(
            f"LPIPS finds no trunk ({' '.join(str(error).split())[:80]}): put torchvision's squeezenet1_1 weights in "
            f'{cached}, or set perceptual = "structural"'
        ) from None
    trunk.requires_grad_(False)

    def compare(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return trunk(first.expand(-1, 3, -1, -1), second.expand(-1, 3, -1, -1), normalize=True).mean()

    return compare


def build_critic(settings: VaeTraining) -> nn.Module:
    """Return MONAI's PatchDiscriminator with instance norm (its batch norm would tie a sample to its batch)."""
    return PatchDiscriminator(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        channels=settings.critic_channels,
        num_layers_d=settings.critic_layers,
        norm="INSTANCE",
    )


class Adversarial:
    """Least-squares GAN terms (Mao et al. 2017) of a patch critic."""

    def __init__(self) -> None:
        self._loss = PatchAdversarialLoss(criterion="least_squares")

    def generator(self, critic: nn.Module, fake: torch.Tensor) -> torch.Tensor:
        """Return how far the critic is from taking `fake` for real; the critic itself gets no gradient."""
        critic.requires_grad_(False)
        try:
            return self._loss(critic(fake.contiguous())[-1], target_is_real=True, for_discriminator=False)
        finally:
            critic.requires_grad_(True)

    def critic(self, critic: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        """Return the critic's own loss; `fake` gets no gradient."""
        told_fake = self._loss(critic(fake.detach().contiguous())[-1], target_is_real=False, for_discriminator=True)
        told_real = self._loss(critic(real.contiguous())[-1], target_is_real=True, for_discriminator=True)
        return 0.5 * (told_fake + told_real)
