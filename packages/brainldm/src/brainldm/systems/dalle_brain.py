"""DALL-E Brain: slices with captions in, VAE, latents and a text-to-slice model out, in one run that resumes."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from brainldm.autoencoder import downsampling
from brainldm.config import Config, load_config
from brainldm.latents import encode_slices, read_latents
from brainldm.model_folder import CONFIG, VAE, read_record
from brainldm.slices import TRAIN, VALIDATION, Slices, load_slices
from brainldm.systems import TrainingRequest
from brainldm.train_ldm import train_ldm
from brainldm.train_vae import train_vae

SUMMARY = "text to slice: a VAE and a latent diffusion model with masked cross-attention (El-Allaly et al.)"
STAGES = Path("training", "stages")


def train(request: TrainingRequest) -> str:
    """Train the config that the request names; see `train_config`."""
    return train_config(request, load_config(request.config))


def train_config(request: TrainingRequest, config: Config) -> str:
    """Train the VAE to its last step, encode once, then train the diffusion model to its last step.

    A stage begins when the one before is done, so a run cut short by `minutes`, however often, ends with the bytes of
    an uninterrupted one. Each stage's result lies in ``training/stages`` and is what its own command would write.
    """
    end = None if request.minutes is None else time.monotonic() + 60 * request.minutes
    vae, latents = request.out / STAGES / "vae", request.out / STAGES / "latents"
    multiple = downsampling(config.vae)
    training, held_out = (load_slices(request.data, split, multiple) for split in (TRAIN, VALIDATION))
    done, wanted = train_vae(training, held_out, config, request.seed, vae, _left(end)), config.vae_training.steps
    if done < wanted:
        return f"VAE, {done} of {wanted} steps: the same command goes on"
    if not _is_encoded(latents, vae, training, config, request):
        encode_slices(training, vae, request.text, request.seed, latents)
    done, wanted = (
        train_ldm(read_latents(latents), config, request.seed, request.out, _left(end)),
        config.ldm_training.steps,
    )
    return f"{config.name}, {done} of {wanted} steps on {len(training)} slices"


def _left(end: float | None) -> float | None:
    return None if end is None else max(0.0, end - time.monotonic()) / 60


def _is_encoded(latents: Path, vae: Path, slices: Slices, config: Config, request: TrainingRequest) -> bool:
    """Tell whether `latents` were made from this VAE, these slices and this text encoder."""
    if not (latents / CONFIG).is_file():
        return False
    record = read_record(latents)
    return (
        record.data["fingerprint"] == slices.fingerprint
        and asdict(record.settings.text) == asdict(config.text)
        and record.settings.ldm_training.caption_variants == config.ldm_training.caption_variants
        and (record.text == request.text or Path(request.text).name == record.text)
        and (latents / VAE).read_bytes() == (vae / VAE).read_bytes()
    )
