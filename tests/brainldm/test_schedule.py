"""The forward process in: its closed forms agree with diffusers, and weights follow min-SNR."""

from dataclasses import replace

import pytest
import torch
from diffusers import DDPMScheduler

from brainldm.config import load_config
from brainldm.schedule import ForwardProcess

SETTINGS = load_config("tiny").noise


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4), torch.tensor([0, 500, 999])


def test_noise_and_velocity_are_diffusers(batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    latents, noise, timesteps = batch
    theirs = DDPMScheduler(
        beta_schedule=SETTINGS.beta_schedule, beta_start=SETTINGS.beta_start, beta_end=SETTINGS.beta_end
    )
    ours = ForwardProcess(SETTINGS)
    assert torch.allclose(ours.noisy(latents, noise, timesteps), theirs.add_noise(latents, noise, timesteps))
    assert torch.allclose(ours.target(latents, noise, timesteps), theirs.get_velocity(latents, noise, timesteps))


def test_epsilon_is_the_noise(batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    latents, noise, timesteps = batch
    assert ForwardProcess(replace(SETTINGS, prediction="epsilon")).target(latents, noise, timesteps) is noise


def test_min_snr_bounds_the_weight_of_clean_steps_alone() -> None:
    timesteps = torch.arange(1000)
    process = ForwardProcess(replace(SETTINGS, prediction="epsilon"))
    weights = process.weight(timesteps, 5.0)
    snr = (process.signal / process.noise) ** 2
    assert torch.allclose(weights[snr < 5], torch.ones(int((snr < 5).sum())))
    assert torch.allclose(weights[snr >= 5] * snr[snr >= 5], torch.tensor(5.0))
    assert torch.equal(process.weight(timesteps, 0.0), torch.ones(1000))
