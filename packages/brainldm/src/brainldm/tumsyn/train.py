"""Stored volumes and a frozen prompt encoder in, a trained synthesis network in a model folder out: stage 2."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from brainldm.averaging import Averaged
from brainldm.chance import seeded
from brainldm.checkpoint import Parts, load_checkpoint, save_checkpoint
from brainldm.descent import descend
from brainldm.device import make_accelerator
from brainldm.journal import Journal
from brainldm.matrices import Muon, matrices_of
from brainldm.pace import Pace
from brainldm.tumsyn.encoders import PromptEncoder
from brainldm.tumsyn.facts import ranges
from brainldm.tumsyn.model_folder import TumsynRecord, write_model
from brainldm.tumsyn.network import Synthesis
from brainldm.tumsyn.patches import draw_batch
from brainldm.tumsyn.settings import SynthesisTraining, TumsynConfig
from brainldm.tumsyn.volumes import Volumes

CHECKPOINT = "training/synthesis.safetensors"
LOSSES = {"mae": functional.l1_loss, "mse": functional.mse_loss}


def train_synthesis(
    volumes: Volumes, encoder: PromptEncoder, config: TumsynConfig, seed: int, out: Path, minutes: float | None,
    *, vision: nn.Module | None, first_stage: int, licences: tuple[str, ...],
) -> int:  # fmt: skip
    """Train until the config's last step or until `minutes` are over, and write the model folder.

    Started again with the same volumes, encoder, config and seed it goes on where it stopped, to the same weights as a
    run that was never interrupted.

    Parameters
    ----------
    volumes : Volumes
    encoder : PromptEncoder
        Frozen.
    config : TumsynConfig
    seed : int
    out : Path
    minutes : float or None
    vision : nn.Module or None
        The vision side of stage 1, which retrieval needs; kept beside the weights.
    first_stage : int
        Optimizer steps of stage 1.
    licences : tuple of str
        Of the training scans.

    Returns
    -------
    int
        Optimizer steps done, over all runs.
    """
    settings = config.training
    accelerator = make_accelerator(settings.precision)
    with seeded(seed):
        network = Synthesis(config.synthesis, encoder.width).to(accelerator.device)
    average = Averaged(network, settings.ema_decay)
    optimizers = _optimizers(network, settings)
    rates = {"optimizer": settings.learning_rate, "matrices": settings.matrix_rate}
    parts: Parts = {"network": network, "average": average.network} | optimizers
    identity = _identity(volumes, encoder, config, seed)
    done = load_checkpoint(out / CHECKPOINT, parts, identity)
    pace = Pace(minutes, settings.checkpoint_minutes)
    journal = Journal(out, "synthesis", done, done < settings.steps)
    sessions = volumes.sessions
    while done < settings.steps and not pace.is_over:
        batch = draw_batch(sessions, settings, seed, done).to(accelerator.device)
        text = encoder.encode(batch.facts).to(accelerator.device)
        with accelerator.autocast():
            loss = LOSSES[settings.loss](network(batch.patches, text, batch.points), batch.wanted)
        accelerator.backward(loss)
        factor = rate_factor(done, settings)
        for name, optimizer in optimizers.items():
            descend(optimizer, learning_rate=factor * rates[name], clip_norm=settings.clip_norm, warmup_steps=0,
                    step=done)  # fmt: skip
        average.update(network, done)
        journal.loss(done, loss, rate=settings.learning_rate * factor)
        done += 1
        if pace.checkpoint_is_due():
            save_checkpoint(out / CHECKPOINT, parts, done, identity)
    journal.close()
    save_checkpoint(out / CHECKPOINT, parts, done, identity)
    steps = {"stage 1": first_stage, "stage 2": done}
    write_model(out, _record(volumes, encoder, config, seed, steps, licences), average.network, encoder, vision)
    return done


def _optimizers(network: Synthesis, settings: SynthesisTraining) -> dict[str, torch.optim.Optimizer]:
    """Return Adam, and Muon for the weight matrices where the config gives them a rate of their own."""
    if not settings.matrix_rate:
        return {"optimizer": torch.optim.Adam(network.parameters(), lr=settings.learning_rate)}
    matrices = matrices_of(network, but=network.decoder.layers[-1])
    theirs = {id(one) for one in matrices}
    rest = [one for one in network.parameters() if id(one) not in theirs]
    return {
        "optimizer": torch.optim.Adam(rest, lr=settings.learning_rate),
        "matrices": Muon(matrices, settings.matrix_rate),
    }


def rate_factor(step: int, settings: SynthesisTraining) -> float:
    """Return the learning rate's factor at `step`: 1 for `constant_steps`, then halved there and every `halve_every`.

    It depends on the step alone, so a run may stop and go on, or be made longer.
    """
    if step < settings.constant_steps:
        return 1.0
    return float(0.5 ** (1 + (step - settings.constant_steps) // settings.halve_every))


def _identity(volumes: Volumes, encoder: PromptEncoder, config: TumsynConfig, seed: int) -> dict[str, Any]:
    training = {key: value for key, value in asdict(config.training).items()
                if key not in ("steps", "checkpoint_minutes")}  # fmt: skip
    return {"config": asdict(config.synthesis) | training, "seed": seed, "data": volumes.fingerprint,
            "text": encoder_checksum(encoder, volumes)}  # fmt: skip


def encoder_checksum(encoder: PromptEncoder, volumes: Volumes) -> str:
    """Return what tells two prompt encoders apart: what they make of the first prompts."""
    found = encoder.encode([one.facts for one in volumes.stored[:4]])
    return hashlib.sha256(found.contiguous().numpy().tobytes()).hexdigest()


def _record(
    volumes: Volumes, encoder: PromptEncoder, config: TumsynConfig, seed: int, steps: dict[str, int],
    licences: tuple[str, ...],
) -> TumsynRecord:  # fmt: skip
    return TumsynRecord(
        name=config.name,
        synthesis=config.synthesis,
        inference=config.inference,
        text=encoder.name,
        contrasts=volumes.contrasts,
        makers=volumes.makers,
        zooms=tuple(sorted({one.facts.zooms for one in volumes.stored if one.facts.zooms})),
        trained=ranges(one.facts for one in volumes.stored),
        config=asdict(config),
        steps=steps,
        seed=seed,
        data={
            "volumes": len(volumes.stored),
            "people": len({one.person for one in volumes.stored}),
            "fingerprint": volumes.fingerprint,
            "licences": list(licences),
        },
    )
