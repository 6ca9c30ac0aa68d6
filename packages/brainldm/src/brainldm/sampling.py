"""A denoiser, captions and seeds in, latents out: one sampler loop with classifier-free guidance."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch

from brainldm.chance import image_generator

Denoise = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def sample(denoise: Denoise, scheduler: Any, steps: int, shape: tuple[int, ...], seeds: Sequence[int]) -> torch.Tensor:
    """Return one latent a seed, shape (len(seeds), *shape).

    Parameters
    ----------
    denoise : callable
        Takes latents (n, *shape) and a timestep (n,), returns the network's prediction.
    scheduler : diffusers scheduler
    steps : int
    shape : tuple of int
    seeds : sequence of int
        Image i draws all its noise from seeds[i], so it comes out the same in any batch.
    """
    generators = [image_generator(seed) for seed in seeds]
    with warnings.catch_warnings():
        # diffusers turns tensors into arrays the way numpy 2 deprecates
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        scheduler.set_timesteps(steps)
    latents = torch.cat([torch.randn((1, *shape), generator=generator) for generator in generators])
    latents = latents * scheduler.init_noise_sigma
    chance = {"generator": generators} if "generator" in inspect.signature(scheduler.step).parameters else {}
    for timestep in scheduler.timesteps:
        scaled = scheduler.scale_model_input(latents, timestep)
        prediction = denoise(scaled, timestep.expand(len(seeds)))
        latents = scheduler.step(prediction.to(latents), timestep, latents, **chance).prev_sample
    return latents


def guided(network: Any, text: Any, against: Any, guidance: float, without: Any = None) -> Denoise:
    """Return a denoiser with classifier-free guidance (Ho and Salimans 2022).

    Parameters
    ----------
    network : TextUNet
    text, against : EncodedText
        The captions, and what to lead away from: the empty prompt or a negative one, of batch size 1.
    guidance : float
        1 is the plain conditional model; more follows the caption harder.
    without : TextUNet, optional
        The network that reads `against`, where it is another one: without a condition to lead towards.
    """
    device = next(network.parameters()).device
    text, against = text.to(device), against.to(device).expand(len(text.mask))

    def denoise(latents: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        latents, timesteps = latents.to(device), timesteps.to(device)
        with torch.no_grad():
            wanted = network.predict(latents, timesteps, text)
            if guidance == 1:
                return wanted
            plain = (without or network).predict(latents, timesteps, against)
        return plain + guidance * (wanted - plain)

    return denoise
