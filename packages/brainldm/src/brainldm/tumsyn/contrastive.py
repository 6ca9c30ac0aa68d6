"""Volumes with their facts in, a text encoder that knows what scans of such facts look like out: stage 1, BMLIP."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from brainldm.chance import draws, sample_generator, seeded
from brainldm.checkpoint import Parts, load_checkpoint, save_checkpoint
from brainldm.descent import descend
from brainldm.device import make_accelerator
from brainldm.journal import Journal
from brainldm.pace import Pace
from brainldm.tumsyn.encoders import BmlipEncoder
from brainldm.tumsyn.facts import NUMBERS, Facts, forgetful, numbers_of, ranges
from brainldm.tumsyn.settings import ContrastiveTraining, PromptSettings, TumsynConfig
from brainldm.tumsyn.text import PromptTransformer
from brainldm.tumsyn.tokens import PromptTokenizer, make_prompt_tokenizer
from brainldm.tumsyn.vision import VolumeTransformer, cropped, halved
from brainldm.tumsyn.volumes import Stored, Volumes

CHECKPOINT = "training/bmlip.safetensors"
_FLIP = 0.5
_KEPT = 512  # volumes in memory: small ones are read once
_HOTTEST = 100.0  # CLIP's bound of the inverse temperature


class Bmlip(nn.Module):
    """Both encoders and the temperature of their similarities."""

    def __init__(self, config: TumsynConfig, vocabulary: int) -> None:
        super().__init__()
        self.vision = VolumeTransformer(config.vision, config.text.embedding)
        self.text = PromptTransformer(config.text, vocabulary)
        self.log_scale = nn.Parameter(torch.tensor(float(-np.log(config.contrastive.temperature))))
        self.readout = nn.Linear(config.text.embedding, len(NUMBERS)) if config.contrastive.readout else None

    def forward(self, volumes: torch.Tensor, tokens: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scaled similarities (volumes, prompts), and the prompts' embeddings, of one a channel on average."""
        shown, said = functional.normalize(self.vision(volumes)), functional.normalize(self.text(tokens))
        similarities = self.log_scale.exp().clamp(max=_HOTTEST) * shown @ said.T
        return similarities, said * said.shape[1] ** 0.5


def contrastive_loss(similarities: torch.Tensor, prompts: list[str]) -> torch.Tensor:
    """Return the symmetric cross-entropy of similarities (n, n); equal prompts count as each other's.

    Examples
    --------
    >>> sure = 50 * torch.eye(2)
    >>> round(float(contrastive_loss(sure, ["a", "b"])), 3), round(float(contrastive_loss(0 * sure, ["a", "b"])), 3)
    (0.0, 0.693)
    """
    same = torch.tensor([[one == other for other in prompts] for one in prompts], device=similarities.device)
    wanted = same / same.sum(1, keepdim=True)
    return (functional.cross_entropy(similarities, wanted) + functional.cross_entropy(similarities.T, wanted)) / 2


def readout_loss(read: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Return the mean square error of numbers read from embeddings, of those that are stated (not NaN).

    Examples
    --------
    >>> float(readout_loss(torch.tensor([[0.5, 9.0]]), torch.tensor([[0.0, torch.nan]])))
    0.25
    """
    stated = ~numbers.isnan()
    return functional.mse_loss(read[stated], numbers[stated]) if stated.any() else read.sum() * 0


def train_bmlip(
    volumes: Volumes, config: TumsynConfig, seed: int, out: Path, minutes: float | None
) -> tuple[int, Bmlip, BmlipEncoder]:
    """Train both encoders until the config's last step or until `minutes` are over.

    Returns
    -------
    int
        Optimizer steps done, over all runs.
    Bmlip
    BmlipEncoder
        The text side, frozen, with its tokenizer.
    """
    settings = config.contrastive
    accelerator = make_accelerator(settings.precision)
    tokenizer = tokenizer_of(volumes, config.text)
    with seeded(seed):
        network = Bmlip(config, tokenizer.size).to(accelerator.device)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=settings.learning_rate, betas=(settings.beta1, settings.beta2)
    )
    parts: Parts = {"network": network, "optimizer": optimizer}
    identity = {"config": asdict(config.vision) | asdict(config.text) | _resumable(settings), "seed": seed,
                "data": volumes.fingerprint}  # fmt: skip
    done = load_checkpoint(out / CHECKPOINT, parts, identity)
    groups = acquisitions(volumes)
    trained = ranges(one.facts for one in volumes.stored)
    pace = Pace(minutes, settings.checkpoint_minutes)
    journal = Journal(out, "bmlip", done, done < settings.steps)
    while done < settings.steps and not pace.is_over:
        shown, facts = _batch(groups, config, seed, done)
        prompts = [one.prompt for one in facts]
        with accelerator.autocast():
            similarities, said = network(shown.to(accelerator.device), tokenizer.encode(prompts))
            loss = contrastive_loss(similarities, prompts)
            if network.readout is not None:
                numbers = torch.tensor([numbers_of(one, trained) for one in facts], device=said.device)
                loss = loss + settings.readout * readout_loss(network.readout(said), numbers)
        accelerator.backward(loss)
        rate = settings.learning_rate * rate_factor(done, settings)
        descend(optimizer, learning_rate=rate, clip_norm=settings.clip_norm, warmup_steps=0, step=done)
        journal.loss(done, loss, rate=rate)
        done += 1
        if pace.checkpoint_is_due():
            save_checkpoint(out / CHECKPOINT, parts, done, identity)
    journal.close()
    save_checkpoint(out / CHECKPOINT, parts, done, identity)
    frozen = network.eval().requires_grad_(False)
    return done, frozen, BmlipEncoder(tokenizer, frozen.text, config.text)


def rate_factor(step: int, settings: ContrastiveTraining) -> float:
    """Return the learning rate's factor at `step`: from 0 up over the warm-up, then down to 0 at the last step."""
    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    return max(0.0, (settings.steps - step) / max(1, settings.steps - settings.warmup_steps))


def tokenizer_of(volumes: Volumes, settings: PromptSettings) -> PromptTokenizer:
    """Return the tokenizer that the config asks for; every prompt may also lack any of its facts."""
    rng = np.random.default_rng(0)
    prompts = [one.facts.prompt for one in volumes.stored]
    bare = [forgetful(one.facts, 1.0, rng).prompt for one in volumes.stored]
    return make_prompt_tokenizer(
        settings.tokenizer, [*prompts, *bare], vocabulary=settings.vocabulary, numbers=settings.numbers,
        limit=settings.tokens,
    )  # fmt: skip


def acquisitions(volumes: Volumes) -> list[list[Stored]]:
    """Return the volumes by how they were acquired: a batch takes one of each, so that its prompts differ."""
    groups: dict[tuple[Any, ...], list[Stored]] = {}
    for one in volumes.stored:
        groups.setdefault(one.facts.acquisition, []).append(one)
    return list(groups.values())


def _batch(groups: list[list[Stored]], config: TumsynConfig, seed: int, step: int) -> tuple[torch.Tensor, list[Facts]]:
    settings = config.contrastive
    shown, facts = [], []
    for epoch, group in draws(seed, len(groups), min(settings.batch, len(groups)), step):
        rng = sample_generator(seed, epoch, group)
        one = groups[group][int(rng.integers(len(groups[group])))]
        shift = tuple(int(offset) for offset in rng.integers(-settings.shift, settings.shift + 1, 3))
        coarse = _halved(one, config.vision.halving)
        shown.append(cropped(coarse[::-1] if rng.random() < _FLIP else coarse, config.vision.crop, shift))
        facts.append(forgetful(one.facts, settings.forget, rng))
    return torch.from_numpy(np.stack(shown)).unsqueeze(1), facts


@lru_cache(maxsize=_KEPT)
def _halved(one: Stored, step: int) -> npt.NDArray[np.float32]:
    return halved(one.open(), step)


def _resumable(settings: ContrastiveTraining) -> dict[str, Any]:
    """Return what a resumed run must share; the last step is part of it, as the rate falls towards it."""
    return {f"contrastive {key}": value for key, value in asdict(settings).items() if key != "checkpoint_minutes"}
