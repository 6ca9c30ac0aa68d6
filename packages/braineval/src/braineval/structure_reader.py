"""Real slices with the structures they show in, a network that tells the structures of any slice out, in seconds.

The built-in extractor's convolutions stay as they are; a small perceptron on their last map (128 × 4 × 4, so that left
and right stay apart) learns which structures are there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from braineval.asked import Volumes
from braineval.extractors import built_in
from braineval.network import to_side
from braineval.slices import Slices
from braineval.tensors import as_grey


@dataclass(frozen=True, kw_only=True)
class ReaderSettings:
    """How the reader is trained.

    Attributes
    ----------
    steps, batch : int
        Optimizer steps, slices a step.
    rate : float
        Peak learning rate of AdamW.
    hidden : int
        Width of the hidden layer.
    least : float
        Structures on a smaller share of the slices than this are not judged.
    """

    steps: int = 600
    batch: int = 128
    rate: float = 2e-3
    hidden: int = 256
    least: float = 0.02


@dataclass(frozen=True, kw_only=True)
class StructureReader:
    """A trained reader: labels it judges, its perceptron, and how its inputs are scaled."""

    labels: tuple[int, ...]
    head: nn.Sequential
    mean: torch.Tensor
    spread: torch.Tensor

    def present(self, slices: Slices, batch: int) -> npt.NDArray[np.bool_]:
        """Return which structures each slice shows, shape (n, labels)."""
        with torch.inference_mode():
            inputs = (_maps(slices, batch) - self.mean) / self.spread
            return np.asarray(self.head(inputs).numpy() > 0)

    def named(self, volumes: list[Volumes]) -> npt.NDArray[np.bool_]:
        """Return which of the judged structures each caption names, shape (n, labels)."""
        return np.array([[label in one for label in self.labels] for one in volumes], dtype=bool)


def train_reader(
    slices: Slices, volumes: list[Volumes], rng: np.random.Generator, settings: ReaderSettings
) -> StructureReader:
    """Train a reader on `slices`, which show the structures of `volumes`."""
    seen = [label for one in volumes for label in one]
    labels, counts = np.unique(np.array(seen, dtype=np.int64), return_counts=True)
    labels = labels[counts >= settings.least * len(volumes)]
    wanted = torch.tensor([[float(label in one) for label in labels] for one in volumes])
    inputs = _maps(slices, settings.batch)
    mean, spread = inputs.mean(dim=0), inputs.std(dim=0) + 1e-3
    inputs = (inputs - mean) / spread
    head = _fresh(inputs.shape[1], len(labels), settings, rng)
    optimizer = torch.optim.AdamW(head.parameters(), lr=settings.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=settings.steps)
    for _ in range(settings.steps):
        drawn = rng.choice(len(inputs), settings.batch)
        # Inputs dropped at random, by `rng` rather than torch's global generator.
        kept = torch.from_numpy((rng.random((settings.batch, inputs.shape[1])) < 0.8).astype(np.float32)) / 0.8
        loss = functional.binary_cross_entropy_with_logits(head(inputs[drawn] * kept), wanted[drawn])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return StructureReader(labels=tuple(int(label) for label in labels), head=head.eval(), mean=mean, spread=spread)


def agreement(found: npt.NDArray[np.bool_], asked: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return hits, false alarms and misses of each slice, shape (n, 3)."""
    return np.stack([(found & asked).sum(1), (found & ~asked).sum(1), (~found & asked).sum(1)], axis=1).astype(float)


def f1(counts: npt.NDArray[np.float64], weights: npt.NDArray[np.float64] | None = None) -> float:
    """Return the F1 of pooled `counts`, shape (n, 3), each slice counted `weights` times."""
    hits, alarms, misses = counts.sum(axis=0) if weights is None else weights @ counts
    return float(2 * hits / max(2 * hits + alarms + misses, 1))


def _maps(slices: Slices, batch: int) -> torch.Tensor:
    body = built_in.load(None).network.body
    with torch.inference_mode():
        parts = [body(to_side(as_grey(images))).flatten(1) for images in slices.batches(batch)]
    return torch.cat(parts).clone()  # (n, 2048)


def _fresh(inputs: int, outputs: int, settings: ReaderSettings, rng: np.random.Generator) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        return nn.Sequential(nn.Linear(inputs, settings.hidden), nn.SiLU(), nn.Linear(settings.hidden, outputs))
