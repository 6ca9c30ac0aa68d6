"""Noise settings in, DPM-Solver++ of second order with Karras sigmas out (Lu et al. 2022, Karras et al. 2022)."""

from __future__ import annotations

from typing import Any

from diffusers import DPMSolverMultistepScheduler

from brainldm.config import NoiseSettings


def make(settings: NoiseSettings) -> Any:
    """Return the scheduler."""
    return DPMSolverMultistepScheduler(
        num_train_timesteps=settings.timesteps,
        beta_schedule=settings.beta_schedule,
        beta_start=settings.beta_start,
        beta_end=settings.beta_end,
        prediction_type=settings.prediction,
        algorithm_type="dpmsolver++",
        use_karras_sigmas=True,
    )
