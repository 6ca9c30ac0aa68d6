"""Slices in, the small VAE of a miniature Stable Diffusion out, trained in minutes; a stopped run goes on."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainldm.chance import draws, sample_generator, seeded
from brainldm.checkpoint import Parts, load_checkpoint, save_checkpoint
from brainldm.descent import descend
from brainldm.pace import Pace
from brainldm.sdmri.miniature import build_vae
from brainldm.sdmri.pictures import to_colour
from brainldm.sdmri.settings import MiniatureSettings
from brainldm.slices import Slices

CHECKPOINT = "vae.safetensors"
_OWN = ("vae_", "latent_", "norm_", "kl_")  # settings that the VAE depends on
_CHECKPOINT_MINUTES, _WARMUP, _CLIP = 1.0, 20, 1.0
# Half of the pictures come as they are: a VAE that sees noisy ones alone gives every clean background a veil.
_PLAIN, _GAMMA, _INVERTED, _NOISE = 0.5, (0.5, 2.0), 0.5, 0.04  # of the random grey curves
_SCALED = 256  # slices that the scaling factor is taken from


def train_miniature_vae(
    slices: Slices, settings: MiniatureSettings, seed: int, folder: Path, minutes: float | None
) -> tuple[int, Any]:
    """Train the VAE until its last step or until `minutes` are over.

    The loss is the mean absolute error and a little KL, both a pixel and colour, as in the pre-training of Stable
    Diffusion's VAE without its perceptual and adversarial terms; the rate falls to 0 along a cosine. The scaling
    factor, 1 / standard deviation of the latents, is put into its config.

    Returns
    -------
    done : int
    vae : AutoencoderKL
    """
    size = slices.pictures.shape[1]
    with seeded(seed):
        vae = build_vae(settings, size)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=settings.vae_learning_rate, weight_decay=0.0)
    parts: Parts = {"vae": vae, "optimizer": optimizer}
    kept = {key: value for key, value in asdict(settings).items() if key.startswith(_OWN)}
    identity = {"config": kept, "seed": seed, "data": slices.fingerprint}
    done = load_checkpoint(folder / CHECKPOINT, parts, identity)
    pace = Pace(minutes, _CHECKPOINT_MINUTES)
    while done < settings.vae_steps and not pace.is_over:
        pictures, chance = _batch(slices, settings, seed, done)
        posterior = vae.encode(pictures).latent_dist
        noise = torch.from_numpy(chance(tuple(posterior.mean.shape)))
        made = vae.decode(posterior.mean + posterior.std * noise).sample
        kl = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).sum() / pictures.numel()
        loss = (made - pictures).abs().mean() + settings.kl_weight * kl
        loss.backward()
        rate = settings.vae_learning_rate * 0.5 * (1 + math.cos(math.pi * done / settings.vae_steps))
        descend(optimizer, learning_rate=rate, clip_norm=_CLIP, warmup_steps=_WARMUP, step=done)
        done += 1
        if pace.checkpoint_is_due():
            save_checkpoint(folder / CHECKPOINT, parts, done, identity)
    save_checkpoint(folder / CHECKPOINT, parts, done, identity)
    vae.register_to_config(scaling_factor=_scaling_factor(vae, slices))
    return done, vae.eval()


def _batch(slices: Slices, settings: MiniatureSettings, seed: int, step: int) -> tuple[torch.Tensor, Any]:
    """Return the pictures of a step under random grey curves, and what draws the latents' noise."""
    pairs = draws(seed, len(slices), settings.vae_batch, step)
    generators = [sample_generator(seed, epoch, sample) for epoch, sample in pairs]
    seen = [_curved(slices.pictures[sample], one) for (_, sample), one in zip(pairs, generators, strict=True)]

    def chance(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        return np.stack([one.standard_normal(shape[1:], dtype=np.float32) for one in generators])

    return to_colour(np.stack(seen), slices.pictures.shape[1]), chance


def _curved(picture: npt.NDArray[np.uint8], generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    if generator.random() < _PLAIN:
        return picture
    grey = (picture / 255.0) ** np.exp(generator.uniform(*np.log(_GAMMA)))
    if generator.random() < _INVERTED:
        grey = 1 - grey
    grey = grey + generator.uniform(0, _NOISE) * generator.standard_normal(picture.shape)
    return np.clip(np.rint(255 * grey), 0, 255).astype(np.uint8)


@torch.no_grad()
def _scaling_factor(vae: Any, slices: Slices) -> float:
    chosen = np.unique(np.linspace(0, len(slices) - 1, _SCALED).astype(int))
    pictures = to_colour(slices.pictures[chosen], slices.pictures.shape[1])
    return round(1 / float(vae.eval().encode(pictures).latent_dist.mean.std()), 5)
