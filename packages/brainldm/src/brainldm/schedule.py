"""Noise settings in, the forward process out: noisy latents, what the U-Net shall predict, and each step's weight."""

from __future__ import annotations

import torch
from diffusers import DDPMScheduler

from brainldm.config import NoiseSettings


class ForwardProcess:
    """The closed forms of a variance-preserving diffusion (Ho et al. 2020, Salimans and Ho 2022).

    Parameters
    ----------
    settings : NoiseSettings
    """

    def __init__(self, settings: NoiseSettings) -> None:
        scheduler = DDPMScheduler(
            num_train_timesteps=settings.timesteps,
            beta_schedule=settings.beta_schedule,
            beta_start=settings.beta_start,
            beta_end=settings.beta_end,
        )
        self.prediction = settings.prediction
        self.signal = scheduler.alphas_cumprod.sqrt()  # √ᾱ_t, shape (timesteps,)
        self.noise = (1 - scheduler.alphas_cumprod).sqrt()

    def noisy(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Return latents after `timesteps` steps, shape (n, channels, h, w)."""
        signal, sigma = self._at(timesteps, latents)
        return signal * latents + sigma * noise

    def target(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Return what the U-Net shall predict: the noise, or v = √ᾱ ε − √(1−ᾱ) z."""
        if self.prediction == "epsilon":
            return noise
        signal, sigma = self._at(timesteps, latents)
        return signal * noise - sigma * latents

    def weight(self, timesteps: torch.Tensor, min_snr: float) -> torch.Tensor:
        """Return each timestep's weight, shape (n,): min-SNR (Hang et al. 2023, eq. 7), or 1 where `min_snr` is 0."""
        if min_snr == 0:
            return torch.ones(timesteps.shape, device=timesteps.device)
        snr = (self.signal / self.noise).square().to(timesteps.device)[timesteps]
        bounded = snr.clamp_max(min_snr)
        return bounded / snr if self.prediction == "epsilon" else bounded / (snr + 1)

    def _at(self, timesteps: torch.Tensor, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = [table.to(like.device)[timesteps].view(-1, 1, 1, 1) for table in (self.signal, self.noise)]
        return chosen[0], chosen[1]
