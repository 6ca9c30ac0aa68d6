"""Noise settings in, the deterministic DDIM sampler out (Song et al. 2021)."""

from __future__ import annotations

from typing import Any

from diffusers import DDIMScheduler

from brainldm.config import NoiseSettings


def make(settings: NoiseSettings) -> Any:
    """Return the scheduler; its last step goes to noise zero and nothing is clipped."""
    return DDIMScheduler(
        num_train_timesteps=settings.timesteps,
        beta_schedule=settings.beta_schedule,
        beta_start=settings.beta_start,
        beta_end=settings.beta_end,
        prediction_type=settings.prediction,
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
    )
