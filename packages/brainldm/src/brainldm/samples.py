"""Latents and a diffusion model in training in, what it draws from four of their captions out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainldm.config import Config
from brainldm.latents import Latents
from brainldm.model_folder import load_vae
from brainldm.samplers import DEFAULT, make_sampler
from brainldm.sampling import guided, sample
from brainldm.slices import to_bytes

_PICTURES, _STEPS = 4, 20


def draw_samples(latents: Latents, network: Any, config: Config) -> npt.NDArray[np.uint8]:
    """Return pictures (n, height, width) from captions spread over the set; their seeds are 0, 1 and on, every time.

    Parameters
    ----------
    latents : Latents
    network : TextUNet
        On any device; it is not trained here, and no global generator is touched.
    config : Config
    """
    rows = np.unique(np.linspace(0, len(latents) - 1, _PICTURES).astype(int)).tolist()
    text = latents.text(rows, [0] * len(rows), [False] * len(rows))
    denoise = guided(network, text, latents.null, config.sampling.guidance)
    scheduler = make_sampler(DEFAULT, config.noise)
    found = sample(denoise, scheduler, _STEPS, latents.mean.shape[1:], range(len(rows)))
    vae: Any = load_vae(latents.folder)[0]
    with torch.no_grad():
        return to_bytes(vae.decode(found.cpu() / (latents.record.scale_factor or 1.0)))
