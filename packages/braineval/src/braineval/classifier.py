"""Real slices with a class each in, a classifier trained in seconds on the CPU out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from braineval.augment import augment
from braineval.extractors import built_in
from braineval.network import SliceNetwork, to_side
from braineval.slices import Slices
from braineval.tensors import as_grey


@dataclass(frozen=True, kw_only=True)
class ClassifierSettings:
    """How the classifier is trained.

    Attributes
    ----------
    steps : int
        Optimizer steps; 200 of 64 slices take about five seconds on two cores.
    batch : int
        Slices a step, drawn with equal odds for every class.
    rate : float
        Peak learning rate of AdamW, falling to zero along a cosine.
    pool : int
        Training slices kept in memory, at most.
    """

    steps: int = 200
    batch: int = 64
    rate: float = 3e-3
    pool: int = 4000


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A trained network and the names of its classes."""

    network: SliceNetwork
    classes: tuple[str, ...]

    def predict(self, slices: Slices, batch: int) -> npt.NDArray[np.str_]:
        """Return the class of every slice, shape (n,)."""
        self.network.eval()
        found = []
        with torch.inference_mode():
            for images in slices.batches(batch):
                found.append(self.network(as_grey(images)).argmax(dim=1).numpy())
        return np.array(self.classes)[np.concatenate(found)]


def train_classifier(
    slices: Slices, labels: npt.NDArray[np.str_], rng: np.random.Generator, settings: ClassifierSettings
) -> Classifier:
    """Train a classifier of `labels` on `slices`.

    Parameters
    ----------
    slices : Slices
    labels : ndarray of str, shape (n,)
    rng : numpy.random.Generator
        Decides initial weights, batches and augmentation.
    settings : ClassifierSettings
    """
    classes, targets = np.unique(labels, return_inverse=True)
    chosen = rng.permutation(len(slices))[: settings.pool]
    images, targets = to_side(as_grey(slices.images(chosen))), targets[chosen]
    odds = 1.0 / np.bincount(targets, minlength=len(classes)).clip(min=1)[targets]
    network = _fresh(len(classes), rng)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    for _ in range(settings.steps):
        drawn = rng.choice(len(targets), settings.batch, p=odds / odds.sum())
        softened = augment(images[drawn], rng, strong_blur=True)
        loss = functional.cross_entropy(network(softened), torch.from_numpy(targets[drawn]), label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return Classifier(network=network, classes=tuple(str(name) for name in classes))


def _fresh(outputs: int, rng: np.random.Generator) -> SliceNetwork:
    # The built-in extractor's convolutions to start from: from random ones the same accuracy takes ten times the steps.
    # The global generator of torch is left as it was found.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        network = SliceNetwork(outputs)
    network.body.load_state_dict(built_in.load(None).network.body.state_dict())
    return network
