"""Latents with their captions' embeddings in, a trained text-conditioned diffusion model in its folder out."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler
from torch import nn

from braincaption.atomic import atomic_path
from brainldm.averaging import Averaged
from brainldm.card import write_card
from brainldm.chance import draws, sample_generator, seeded
from brainldm.checkpoint import Parts, load_checkpoint, save_checkpoint
from brainldm.config import Config
from brainldm.descent import descend, move_moments
from brainldm.device import make_accelerator
from brainldm.journal import Journal
from brainldm.latents import Latents
from brainldm.model_folder import NULL, SCHEDULER, TEXT, UNET, VAE, save_weights, write_record
from brainldm.pace import Pace, resumable
from brainldm.samples import draw_samples
from brainldm.schedule import ForwardProcess
from brainldm.text.protocol import EncodedText
from brainldm.unet import TextUNet

CHECKPOINT = "training/ldm.safetensors"


def train_ldm(latents: Latents, config: Config, seed: int, out: Path, minutes: float | None) -> int:
    """Train the diffusion model until the config's last step or until `minutes` are over, and write its folder.

    Started again with the same latents, config and seed it goes on where it stopped, to the same weights as a run
    that was never interrupted. ``training/logs`` has losses, and samples at each checkpoint, for TensorBoard.

    Returns
    -------
    int
        Optimizer steps done, over all runs.
    """
    settings = config.ldm_training
    accelerator = make_accelerator(settings.precision)
    with seeded(seed):
        network = build_network(latents, config)
    average = Averaged(network, settings.ema_decay)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    identity = _identity(latents, config, seed)
    parts: Parts = {"network": network, "average": average.network, "optimizer": optimizer}
    done = load_checkpoint(out / CHECKPOINT, parts, identity)
    average.network.to(accelerator.device)
    trained = accelerator.prepare_model(network)
    move_moments(optimizer, accelerator.device)
    process, pace = ForwardProcess(config.noise), Pace(minutes, settings.checkpoint_minutes)
    compute = torch.compile(trained) if settings.compile else trained
    journal = Journal(out, "ldm", done, accelerator.is_main_process and done < settings.steps)
    while done < settings.steps and not pace.is_over:
        batch = make_batch(latents, config, seed, done, accelerator.process_index, accelerator.num_processes)
        loss = batch.to(accelerator.device).loss(compute, process, settings.min_snr, accelerator)
        accelerator.backward(loss)
        descend(
            optimizer, learning_rate=settings.learning_rate, clip_norm=settings.clip_norm,
            warmup_steps=settings.warmup_steps, step=done,
        )  # fmt: skip
        average.update(network, done)
        journal.loss(done, loss, rate=optimizer.param_groups[0]["lr"])
        done += 1
        if accelerator.is_main_process and pace.checkpoint_is_due():
            save_checkpoint(out / CHECKPOINT, parts, done, identity)
            journal.pictures(done, lambda: draw_samples(latents, average.network, config))
    journal.close()
    if accelerator.is_main_process:
        save_checkpoint(out / CHECKPOINT, parts, done, identity)
        _write(out, latents, average.network, config, seed, done)
    return done


def build_network(latents: Latents, config: Config) -> TextUNet:
    """Return an untrained network for these latents, weights from torch's global generator."""
    width = latents.record.text_width
    assert width is not None, "latents without a text encoder"
    return TextUNet(config.unet, latents.mean.shape[1:], width)


class Batch:
    """Latents, noise, timesteps and text of one process's share of a step."""

    def __init__(self, clean: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor, text: EncodedText) -> None:
        self.clean, self.noise, self.timesteps, self.text = clean, noise, timesteps, text

    def to(self, device: torch.device) -> Batch:
        """Return the batch on `device`."""
        if device.type == "cpu":
            return self
        clean, noise, timesteps = (tensor.to(device) for tensor in (self.clean, self.noise, self.timesteps))
        return Batch(clean, noise, timesteps, self.text.to(device))

    def loss(self, network: Any, process: ForwardProcess, min_snr: float, accelerator: Any) -> torch.Tensor:
        """Return the weighted squared error of the network's prediction."""
        noisy = process.noisy(self.clean, self.noise, self.timesteps)
        with accelerator.autocast():
            guess = network(noisy, self.timesteps, self.text.tokens, self.text.mask, self.text.pooled)
        errors = (guess.float() - process.target(self.clean, self.noise, self.timesteps)).square().mean(dim=(1, 2, 3))
        return (errors * process.weight(self.timesteps, min_snr)).mean()


def make_batch(latents: Latents, config: Config, seed: int, step: int, rank: int, processes: int) -> Batch:
    """Return what process `rank` of `processes` sees at `step`: its share of the one global batch."""
    settings = config.ldm_training
    mine = draws(seed, len(latents), settings.batch, step)[rank::processes]
    rows = [sample for _, sample in mine]
    shape = latents.mean.shape[1:]
    timesteps, variants, dropped, chance = [], [], [], np.empty((2, len(mine), *shape), dtype=np.float32)
    for i, (epoch, sample) in enumerate(mine):
        generator = sample_generator(seed, epoch, sample)
        timesteps.append(int(generator.integers(config.noise.timesteps)))
        dropped.append(bool(generator.random() < settings.drop_text))
        variants.append(int(generator.integers(latents.variants)))
        chance[:, i] = generator.standard_normal((2, *shape), dtype=np.float32)
    scale = latents.record.scale_factor
    clean = (latents.mean[rows] + latents.deviation[rows] * chance[0]) * np.float32(scale)
    text = latents.text(rows, variants, dropped)
    return Batch(torch.from_numpy(clean), torch.from_numpy(chance[1]), torch.tensor(timesteps), text)


def _identity(latents: Latents, config: Config, seed: int) -> dict[str, Any]:
    return {
        "config": asdict(config.unet) | asdict(config.noise) | resumable(config.ldm_training),
        "seed": seed,
        "data": latents.record.data["fingerprint"],
        "text": latents.record.text,
        "scale factor": latents.record.scale_factor,
    }


def _write(out: Path, latents: Latents, network: nn.Module, config: Config, seed: int, done: int) -> None:
    save_weights(out / UNET, network)
    for name in (VAE, NULL):
        shutil.copyfile(latents.folder / name, out / name)
    shutil.copytree(latents.folder / TEXT, out / TEXT, dirs_exist_ok=True)
    write_scheduler(out, config)
    settings = replace(
        latents.record.settings, name=config.name, unet=config.unet, noise=config.noise,
        ldm_training=config.ldm_training, sampling=config.sampling,
    )  # fmt: skip
    record = replace(latents.record, settings=settings, seed=seed, ldm_steps=done)
    write_card(out, record)
    write_record(out, record)


def write_scheduler(out: Path, config: Config) -> None:
    """Write scheduler.json, which diffusers' schedulers read, of the default sampler."""
    scheduler = DPMSolverMultistepScheduler(
        num_train_timesteps=config.noise.timesteps,
        beta_schedule=config.noise.beta_schedule,
        beta_start=config.noise.beta_start,
        beta_end=config.noise.beta_end,
        prediction_type=config.noise.prediction,
        use_karras_sigmas=True,
    )
    with atomic_path(out / SCHEDULER) as aside:
        aside.write_text(json.dumps(dict(scheduler.config), indent=2, sort_keys=True) + "\n", encoding="utf-8")
