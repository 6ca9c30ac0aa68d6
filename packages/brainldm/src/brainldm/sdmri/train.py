"""Latents with prompts' states and a base in, its U-Net trained further, in a model folder, out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from brainldm.averaging import Averaged
from brainldm.chance import draws, sample_generator, seeded
from brainldm.checkpoint import Parts, load_checkpoint, save_checkpoint
from brainldm.descent import descend, move_moments
from brainldm.device import make_accelerator
from brainldm.journal import Journal
from brainldm.pace import Pace
from brainldm.schedule import ForwardProcess
from brainldm.sdmri.base import Base
from brainldm.sdmri.latents import SdLatents
from brainldm.sdmri.network import PromptedUNet, make_trainable
from brainldm.sdmri.settings import SdConfig
from brainldm.text.protocol import EncodedText
from brainldm.train_ldm import Batch

CHECKPOINT = "training/sd-mri.safetensors"


def train_sd(
    latents: SdLatents, base: Base, config: SdConfig, seed: int, out: Path, minutes: float | None
) -> tuple[int, nn.Module]:
    """Train until the config's last step or until `minutes` are over.

    Started again with the same latents, base, config and seed it goes on where it stopped, to the same weights as a
    run that was never interrupted.

    Parameters
    ----------
    latents : SdLatents
        Of `base`.
    base : Base
    config : SdConfig
    seed : int
    out : Path
        Folder that ``training/`` with the checkpoint lies in.
    minutes : float or None

    Returns
    -------
    done : int
        Optimizer steps done, over all runs.
    learnt : nn.Module
        What learnt, on the CPU: the U-Net, or its low-rank matrices (see `brainldm.sdmri.network.make_trainable`);
        their average where the config keeps one.
    """
    settings = config.training
    accelerator = make_accelerator(settings.precision)
    with seeded(seed):
        network = PromptedUNet(base.load("unet"))
        learning = make_trainable(network.unet, config.trained)
    network.to(accelerator.device)
    average = Averaged(learning, settings.ema_decay) if settings.ema_decay else None
    optimizer = torch.optim.AdamW(learning.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    parts: Parts = {"learning": learning, "optimizer": optimizer}
    if average is not None:
        parts["average"] = average.network
    identity = _identity(latents, base, config, seed)
    done = load_checkpoint(out / CHECKPOINT, parts, identity)
    move_moments(optimizer, accelerator.device)
    compute = accelerator.prepare_model(network)
    process, pace = ForwardProcess(base.noise), Pace(minutes, settings.checkpoint_minutes)
    journal = Journal(out, "sd-mri", done, accelerator.is_main_process and done < settings.steps)
    while done < settings.steps and not pace.is_over:
        batch = make_batch(latents, config, base.noise.timesteps, seed, done, accelerator)
        loss = torch.zeros((), device=accelerator.device)
        for share, piece in _pieces(batch, settings.micro_batch):
            part = share * piece.to(accelerator.device).loss(compute, process, settings.min_snr, accelerator)
            accelerator.backward(part)
            loss += part.detach()
        descend(
            optimizer, learning_rate=settings.learning_rate, clip_norm=settings.clip_norm,
            warmup_steps=settings.warmup_steps, step=done,
        )  # fmt: skip
        if average is not None:
            average.update(learning, done)
        journal.loss(done, loss, rate=optimizer.param_groups[0]["lr"])
        done += 1
        if accelerator.is_main_process and pace.checkpoint_is_due():
            save_checkpoint(out / CHECKPOINT, parts, done, identity)
    journal.close()
    if accelerator.is_main_process:
        save_checkpoint(out / CHECKPOINT, parts, done, identity)
    return done, (learning if average is None else average.network).cpu()


def make_batch(latents: SdLatents, config: SdConfig, timesteps: int, seed: int, step: int, accelerator: Any) -> Batch:
    """Return this process's share of the global batch at `step`, which follows from `step` and `seed` alone."""
    settings = config.training
    drawn = draws(seed, len(latents), settings.batch, step)
    mine = drawn[accelerator.process_index :: accelerator.num_processes]
    rows = [sample for _, sample in mine]
    shape = latents.mean.shape[1:]
    times, dropped, chance = [], [], np.empty((2, len(mine), *shape), dtype=np.float32)
    for i, (epoch, sample) in enumerate(mine):
        generator = sample_generator(seed, epoch, sample)
        times.append(int(generator.integers(timesteps)))
        dropped.append(bool(generator.random() < settings.drop_text))
        chance[:, i] = generator.standard_normal((2, *shape), dtype=np.float32)
    clean = (latents.mean[rows] + latents.deviation[rows] * chance[0]) * np.float32(latents.scale)
    text = latents.text(rows, dropped)
    return Batch(torch.from_numpy(clean), torch.from_numpy(chance[1]), torch.tensor(times), text)


def _pieces(batch: Batch, most: int) -> Iterator[tuple[float, Batch]]:
    """Yield a batch in pieces of at most `most` slices, each with its share of the batch."""
    count = len(batch.clean)
    for first in range(0, count, most):
        part = slice(first, first + most)
        text = EncodedText(tokens=batch.text.tokens[part], mask=batch.text.mask[part], pooled=batch.text.pooled[part])
        piece = Batch(batch.clean[part], batch.noise[part], batch.timesteps[part], text)
        yield len(piece.clean) / count, piece


def _identity(latents: SdLatents, base: Base, config: SdConfig, seed: int) -> dict[str, Any]:
    free = ("steps", "checkpoint_minutes")
    training = {key: value for key, value in asdict(config.training).items() if key not in free}
    settings = asdict(config.trained) | training | asdict(base.noise)
    return {"config": settings, "seed": seed, **latents.made_from}
