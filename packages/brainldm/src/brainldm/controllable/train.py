"""Latents, the lines of their slices and a base model in, a trained control branch in a model folder out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainldm.averaging import Averaged
from brainldm.chance import draws, sample_generator, seeded
from brainldm.checkpoint import Parts, load_checkpoint, save_checkpoint
from brainldm.controllable.model_folder import ControlRecord, build_controlled, write_model
from brainldm.controllable.settings import ControlConfig
from brainldm.controllable.structure import as_condition
from brainldm.controllable.training_lines import other_contrasts, unpacked
from brainldm.descent import descend
from brainldm.device import make_accelerator
from brainldm.journal import Journal
from brainldm.latents import Latents
from brainldm.model_folder import checksum
from brainldm.pace import Pace, resumable
from brainldm.schedule import ForwardProcess
from brainldm.train_ldm import make_batch

CHECKPOINT = "training/control.safetensors"


def train_control(
    latents: Latents,
    packed: npt.NDArray[np.uint8],
    base: Path,
    config: ControlConfig,
    seed: int,
    out: Path,
    minutes: float | None,
) -> int:
    """Train the branch until the config's last step or until `minutes` are over, and write its model folder.

    Started again with the same latents, base, config and seed it goes on where it stopped, to the same weights as a
    run that was never interrupted.

    Parameters
    ----------
    latents : Latents
    packed : ndarray of uint8
        Lines of the same slices in the same order, packed as `brainldm.controllable.training_lines.cached_lines` does.
    base : Path
        Folder of the trained text-to-slice model.
    config : ControlConfig
    seed : int
    out : Path
    minutes : float or None

    Returns
    -------
    int
        Optimizer steps done, over all runs.
    """
    settings = config.while_controlled.ldm_training
    accelerator = make_accelerator(settings.precision)
    with seeded(seed):
        network = build_controlled(base, latents.record, config.control).to(accelerator.device)
    trained = network.trained(config.control.main_trained)
    average = Averaged(trained, settings.ema_decay)
    optimizer = torch.optim.AdamW(trained.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    identity = _identity(latents, packed, config, base, seed)
    parts: Parts = {"trained": trained, "average": average.network, "optimizer": optimizer}
    done = load_checkpoint(out / CHECKPOINT, parts, identity)
    prepared = accelerator.prepare_model(network)
    compute = torch.compile(prepared) if settings.compile else prepared
    others = other_contrasts(latents.table)
    process, pace = ForwardProcess(config.base.noise), Pace(minutes, settings.checkpoint_minutes)
    journal = Journal(out, "control", done, accelerator.is_main_process and done < settings.steps)
    while done < settings.steps and not pace.is_over:
        share = (seed, done, accelerator.process_index, accelerator.num_processes)
        batch = make_batch(latents, config.while_controlled, *share).to(accelerator.device)
        lines = batch_lines(latents, packed, others, config, *share).to(accelerator.device)
        loss = batch.loss(partial(compute, lines=lines), process, settings.min_snr, accelerator)
        accelerator.backward(loss)
        descend(
            optimizer, learning_rate=settings.learning_rate, clip_norm=settings.clip_norm,
            warmup_steps=settings.warmup_steps, step=done,
        )  # fmt: skip
        average.update(trained, done)
        journal.loss(done, loss, rate=optimizer.param_groups[0]["lr"])
        done += 1
        if accelerator.is_main_process and pace.checkpoint_is_due():
            save_checkpoint(out / CHECKPOINT, parts, done, identity)
    journal.close()
    if accelerator.is_main_process:
        save_checkpoint(out / CHECKPOINT, parts, done, identity)
        write_model(out, base, _record(config, seed, done), average.network)
    return done


def batch_lines(
    latents: Latents,
    packed: npt.NDArray[np.uint8],
    others: Sequence[Sequence[int]],
    config: ControlConfig,
    seed: int,
    step: int,
    rank: int,
    processes: int,
) -> torch.Tensor:
    """Return the lines for the slices that `make_batch` draws at `step`, shape (n, 1, height, width).

    They are a slice's own, or in `other_contrast` of the cases those of one of its `others`.
    """
    rows = []
    for epoch, sample in draws(seed, len(latents), config.training.batch, step)[rank::processes]:
        # Numbers past the last slice have generators of their own: a batch stays what it is without this choice.
        generator = sample_generator(seed, epoch, len(latents) + sample)
        elsewhere = generator.random() < config.control.other_contrast and len(others[sample]) > 0
        rows.append(int(generator.choice(others[sample])) if elsewhere else sample)
    return as_condition(unpacked(packed[rows], latents.record.image_shape[1]))


def _identity(
    latents: Latents, packed: npt.NDArray[np.uint8], config: ControlConfig, base: Path, seed: int
) -> dict[str, Any]:
    return {
        "config": asdict(config.control) | asdict(config.base.noise) | resumable(config.while_controlled.ldm_training),
        "seed": seed,
        "data": latents.record.data["fingerprint"],
        "lines": hashlib.sha1(packed.tobytes(), usedforsecurity=False).hexdigest(),
        "base": checksum(base),
    }


def _record(config: ControlConfig, seed: int, done: int) -> ControlRecord:
    return ControlRecord(
        name=config.name,
        control=config.control,
        sampling=config.sampling,
        training=asdict(config.training),
        steps=done,
        seed=seed,
    )
