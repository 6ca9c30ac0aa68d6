"""Noise settings in, the ancestral DDPM sampler out (Ho et al. 2020): the reference, meant for all 1,000 steps."""

from __future__ import annotations

from typing import Any

from diffusers import DDPMScheduler

from brainldm.config import NoiseSettings


def make(settings: NoiseSettings) -> Any:
    """Return the scheduler; the tutorial's clipping of samples to [−1, 1], which squeezes latents, is off."""
    return DDPMScheduler(
        num_train_timesteps=settings.timesteps,
        beta_schedule=settings.beta_schedule,
        beta_start=settings.beta_start,
        beta_end=settings.beta_end,
        prediction_type=settings.prediction,
        clip_sample=False,
    )
