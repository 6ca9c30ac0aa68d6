"""Slices in, a trained VAE in its model folder out: L1, perceptual, KL and, later, an adversarial term."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from braincaption.atomic import atomic_path
from brainldm.autoencoder import AutoencodeWithNoise, build_vae, downsampling
from brainldm.averaging import Averaged
from brainldm.chance import draws, sample_generator, seeded
from brainldm.checkpoint import Parts, load_checkpoint, save_checkpoint
from brainldm.config import Config, VaeTraining
from brainldm.descent import descend, move_moments
from brainldm.device import make_accelerator
from brainldm.journal import Journal
from brainldm.losses import Adversarial, Perceptual, build_critic, kl_divergence, perceptual_loss
from brainldm.model_folder import VAE, ModelRecord, save_weights, write_record
from brainldm.pace import Pace, resumable
from brainldm.slices import Slices, to_bytes, to_float

CHECKPOINT = "training/vae.safetensors"
METRICS = "vae_metrics.json"
_ADAM_EPS = 1e-8
_SHOWN = 4  # slices that the logs show beside their reconstructions


def train_vae(slices: Slices, validation: Slices, config: Config, seed: int, out: Path, minutes: float | None) -> int:
    """Train a VAE until the config's last step or until `minutes` are over, and write its folder.

    Started again with the same data, config and seed it goes on where it stopped, to the same weights as a run that
    was never interrupted.

    Returns
    -------
    int
        Optimizer steps done, over all runs.
    """
    settings = config.vae_training
    accelerator = make_accelerator(settings.precision)
    with seeded(seed):
        vae, critic = build_vae(config.vae), build_critic(settings)
    vae = vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = Averaged(vae, settings.ema_decay)
    optimizers = _optimizers(vae, critic, settings)
    identity = {"config": asdict(config.vae) | resumable(settings), "seed": seed, "data": slices.fingerprint}
    parts: Parts = {"vae": vae, "critic": critic, "average": average.network, **optimizers}
    done = load_checkpoint(out / CHECKPOINT, parts, identity)
    term, perceptual = perceptual_loss(settings)
    trainer = _Step(slices, config, seed, accelerator, vae, critic, optimizers, perceptual)
    pace = Pace(minutes, settings.checkpoint_minutes)
    average.network.to(accelerator.device)
    journal = Journal(out, "vae", done, accelerator.is_main_process and done < settings.steps)
    while done < settings.steps and not pace.is_over:
        journal.loss(done, trainer.run(done))
        average.update(vae, done)
        done += 1
        if accelerator.is_main_process and pace.checkpoint_is_due():
            save_checkpoint(out / CHECKPOINT, parts, done, identity)
            journal.pictures(done, lambda: _reconstructed(average.network, slices))
    journal.close()
    if accelerator.is_main_process:
        save_checkpoint(out / CHECKPOINT, parts, done, identity)
        _score(out, average.network, slices, validation, done, term)
        _write(out, average.network, slices, config, seed, done)
    return done


def _optimizers(vae: nn.Module, critic: nn.Module, settings: VaeTraining) -> dict[str, torch.optim.Optimizer]:
    return {
        "vae_optimizer": torch.optim.Adam(vae.parameters(), lr=settings.learning_rate, eps=_ADAM_EPS),
        "critic_optimizer": torch.optim.Adam(critic.parameters(), lr=settings.critic_learning_rate, eps=_ADAM_EPS),
    }


class _Step:
    """One optimizer step at a time; what step s sees depends on s and the seed alone."""

    def __init__(
        self,
        slices: Slices,
        config: Config,
        seed: int,
        accelerator: Any,
        vae: nn.Module,
        critic: nn.Module,
        optimizers: dict[str, torch.optim.Optimizer],
        perceptual: Perceptual,
    ) -> None:
        self.slices, self.settings, self.seed, self.accelerator = slices, config.vae_training, seed, accelerator
        self.perceptual, self.adversarial, self.raw_critic = perceptual, Adversarial(), critic
        factor = downsampling(config.vae)
        height, width = slices.pictures.shape[1:]
        self.latent_shape = (config.vae.latent_channels, height // factor, width // factor)
        self.vae = accelerator.prepare_model(AutoencodeWithNoise(vae))
        self.critic = accelerator.prepare_model(critic)
        self.vae_optimizer = optimizers["vae_optimizer"]
        self.critic_optimizer = optimizers["critic_optimizer"]
        move_moments(self.vae_optimizer, accelerator.device)
        move_moments(self.critic_optimizer, accelerator.device)

    def run(self, step: int) -> torch.Tensor:
        """Do optimizer step `step` and return the loss of the VAE."""
        images, noise = self._batch(step)
        with self.accelerator.autocast():
            reconstruction, mean, deviation = self.vae(images, noise)
        adversarial = self.settings.adversarial_weight > 0 and step >= self.settings.adversarial_from_step
        loss = self._loss(images, reconstruction.float(), mean.float(), deviation.float(), adversarial)
        self._descend(loss, self.vae_optimizer, self.settings.learning_rate, step)
        if adversarial:
            critic_loss = self.adversarial.critic(self.critic, images, reconstruction.float())
            self._descend(critic_loss, self.critic_optimizer, self.settings.critic_learning_rate, step)
        return loss

    def _batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        pairs = draws(self.seed, len(self.slices), self.settings.batch, step)
        mine = pairs[self.accelerator.process_index :: self.accelerator.num_processes]
        noise = np.stack([
            sample_generator(self.seed, epoch, sample).standard_normal(self.latent_shape, dtype=np.float32)
            for epoch, sample in mine
        ])  # fmt: skip
        images = to_float(self.slices.pictures[[sample for _, sample in mine]])
        images = images.contiguous(memory_format=torch.channels_last)
        return images.to(self.accelerator.device), torch.from_numpy(noise).to(self.accelerator.device)

    def _loss(
        self,
        images: torch.Tensor,
        reconstruction: torch.Tensor,
        mean: torch.Tensor,
        deviation: torch.Tensor,
        adversarial: bool,
    ) -> torch.Tensor:
        loss = torch.nn.functional.l1_loss(reconstruction, images)
        loss = loss + self.settings.perceptual_weight * self.perceptual(reconstruction, images)
        loss = loss + self.settings.kl_weight * kl_divergence(mean, deviation)
        if adversarial:
            loss = loss + self.settings.adversarial_weight * self.adversarial.generator(self.raw_critic, reconstruction)
        return loss

    def _descend(self, loss: torch.Tensor, optimizer: torch.optim.Optimizer, rate: float, step: int) -> None:
        self.accelerator.backward(loss)
        descend(
            optimizer, learning_rate=rate, clip_norm=self.settings.clip_norm,
            warmup_steps=self.settings.warmup_steps, step=step,
        )  # fmt: skip


def _score(out: Path, vae: nn.Module, slices: Slices, validation: Slices, done: int, term: str) -> None:
    errors = {"train": reconstruction_error(vae, slices), "validation": reconstruction_error(vae, validation)}
    document = {"steps": done, "perceptual": term, "mean_absolute_error": errors}
    with atomic_path(out / METRICS) as aside:
        aside.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _write(out: Path, vae: nn.Module, slices: Slices, config: Config, seed: int, done: int) -> None:
    save_weights(out / VAE, vae)
    shape = slices.pictures.shape[1:]
    factor = downsampling(config.vae)
    write_record(
        out,
        ModelRecord(
            settings=config,
            image_shape=tuple(shape),
            latent_shape=(config.vae.latent_channels, shape[0] // factor, shape[1] // factor),
            seed=seed,
            vae_steps=done,
            ldm_steps=0,
            scale_factor=None,
            text=None,
            text_width=None,
            sequences=tuple(sorted(slices.table["sequence"].dropna().unique())),
            data=describe_data(slices),
            pixel_mm=None,
        ),
    )


@torch.no_grad()
def _reconstructed(vae: Any, slices: Slices) -> npt.NDArray[np.uint8]:
    """Return a few slices, each above its reconstruction, shape (n, 2 × height, width)."""
    chosen = slices.pictures[np.unique(np.linspace(0, len(slices) - 1, _SHOWN).astype(int))]
    made = to_bytes(vae.reconstruct(to_float(chosen).to(next(vae.parameters()).device)))
    return np.concatenate([chosen, made], axis=1)


@torch.no_grad()
def reconstruction_error(vae: Any, slices: Slices, most: int = 256) -> float | None:
    """Return the mean absolute reconstruction error of up to `most` slices spread over the set; None for no slice."""
    if not len(slices):
        return None
    chosen = np.unique(np.linspace(0, len(slices) - 1, min(most, len(slices))).astype(int))
    device = next(vae.parameters()).device
    total = 0.0
    for part in np.array_split(chosen, -(-len(chosen) // 32)):
        images = to_float(slices.pictures[part]).to(device)
        total += float((vae.reconstruct(images) - images).abs().mean(dim=(1, 2, 3)).sum())
    return total / len(chosen)


def describe_data(slices: Slices) -> dict[str, Any]:
    """Return what a model's record says of its training slices; ``displayed_side`` is None where they differ in it."""
    sides = list(slices.table["displayed_side"].unique()) if "displayed_side" in slices.table else []
    return {
        "slices": len(slices),
        "people": int(slices.table["person"].nunique()),
        "planes": sorted(slices.table["plane"].dropna().unique()),
        "displayed_side": str(sides[0]) if len(sides) == 1 and isinstance(sides[0], str) else None,
        "fingerprint": slices.fingerprint,
    }
