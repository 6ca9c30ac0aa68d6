"""Samplers on a Gaussian whose perfect denoiser is known in closed form: the moments that come out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import DDPMScheduler

from braincaption.errors import UsageError
from brainldm.config import NoiseSettings, load_config
from brainldm.samplers import make_sampler, names
from brainldm.sampling import sample
from brainldm.schedule import ForwardProcess

MEAN, DEVIATION = 0.3, 0.5


def perfect(settings: NoiseSettings):
    """Return the exact denoiser of N(MEAN, DEVIATION²) under `settings`."""
    process = ForwardProcess(settings)

    def denoise(latents: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        at = timesteps[:1].long()
        signal, sigma = process.signal[at], process.noise[at]
        variance = signal**2 * DEVIATION**2 + sigma**2
        noise = sigma * (latents - signal * MEAN) / variance
        clean = (latents - sigma * noise) / signal
        return noise if settings.prediction == "epsilon" else signal * noise - sigma * clean

    return denoise


def moments(name: str, steps: int, prediction: str) -> tuple[float, float]:
    settings = replace(load_config("tiny").noise, prediction=prediction)
    drawn = sample(perfect(settings), make_sampler(name, settings), steps, (4, 32, 32), range(8))
    return float(drawn.mean()), float(drawn.std())


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize(
    ("name", "steps", "tolerance"), [("dpmpp", 20, 0.015), ("ddim", 200, 0.02), ("ddpm", 1000, 0.01)]
)
def test_moments_are_those_of_the_gaussian(name: str, steps: int, tolerance: float, prediction: str) -> None:
    mean, deviation = moments(name, steps, prediction)
    assert mean == pytest.approx(MEAN, abs=0.02)
    assert deviation == pytest.approx(DEVIATION, abs=tolerance)


def test_the_tutorials_clipping_would_squeeze_the_latents() -> None:
    settings = load_config("tiny").noise
    clipping = DDPMScheduler.from_config(make_sampler("ddpm", settings).config, clip_sample=True)
    drawn = sample(perfect(replace(settings, prediction="v_prediction")), clipping, 200, (4, 32, 32), range(8))
    assert float(drawn.std()) < 0.95 * DEVIATION


@pytest.mark.parametrize("name", ["ddpm", "ddim", "dpmpp"])
def test_a_seed_gives_the_same_latent_in_any_batch(name: str) -> None:
    settings = load_config("tiny").noise
    together = sample(perfect(settings), make_sampler(name, settings), 10, (2, 4, 4), [5, 6, 7])
    alone = sample(perfect(settings), make_sampler(name, settings), 10, (2, 4, 4), [6])
    assert torch.allclose(together[1:2], alone, atol=1e-6)
    assert not torch.allclose(together[0], together[1])


def test_samplers_are_files_and_an_unknown_one_is_refused() -> None:
    assert names() == ["ddim", "ddpm", "dpmpp"]
    with pytest.raises(UsageError, match="give one of ddim, ddpm, dpmpp"):
        make_sampler("euler", load_config("tiny").noise)
