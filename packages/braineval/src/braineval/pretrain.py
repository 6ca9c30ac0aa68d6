"""Phantom slices and their structure volumes in, the weights of the built-in extractor out.

The network learns what a slice shows: contrast, plane, position, and the volume of every structure. What it needs to
tell these is what a distance of its features measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors.torch import save
from torch.nn import functional

from braincaption.progress import track
from braincaption.schema import PLANES, SLICE_KEY
from braineval.augment import augment
from braineval.network import SliceNetwork, to_side
from braineval.slices import Slices
from braineval.tensors import as_grey

POSITION_MM = 50.0
LEAST_SHARE = 0.02  # structures on fewer slices than this teach nothing


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """How the extractor is trained; chosen here, no paper's."""

    steps: int = 2500
    batch: int = 128
    rate: float = 4e-3
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What each slice shows: contrast and plane as class numbers, the rest as numbers, shape (n, 1 + structures)."""

    contrast: npt.NDArray[np.int64]
    plane: npt.NDArray[np.int64]
    amounts: npt.NDArray[np.float32]

    @property
    def outputs(self) -> int:
        """How many numbers the network predicts."""
        return int(self.contrast.max()) + 1 + len(PLANES) + self.amounts.shape[1]


def targets(slices: Slices, table: pd.DataFrame) -> Targets:
    """Return the targets of `slices` from the slice `table` of `brain caption tabulate` (columns of SLICES)."""
    keyed = dict(zip(zip(*(table[name] for name in SLICE_KEY), strict=True), table["structures"], strict=True))
    wanted = slices.keys()
    shown = [{s["label"]: s["volume_mm3"] for s in keyed[key]} for key in wanted]
    counts = pd.Series([label for one in shown for label in one]).value_counts()
    labels = sorted(counts.index[counts >= LEAST_SHARE * len(shown)])
    volumes = np.array([[np.log1p(one.get(label, 0.0)) for label in labels] for one in shown], dtype=np.float32)
    position = slices.column("position_mm").astype(np.float32)[:, None] / POSITION_MM
    scaled = volumes / volumes.std(axis=0, keepdims=True).clip(min=1e-6)
    return Targets(
        contrast=np.unique(slices.column("sequence").astype(str), return_inverse=True)[1].astype(np.int64),
        plane=np.array([PLANES.index(str(plane)) for plane in slices.column("plane")], dtype=np.int64),
        amounts=np.concatenate([position, scaled], axis=1),
    )


def pretrain(slices: Slices, wanted: Targets, settings: PretrainSettings) -> SliceNetwork:
    """Train the network on all of `slices`; equal seeds on one machine give equal weights."""
    rng = np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    images = to_side(as_grey(slices.images()))
    network = SliceNetwork(wanted.outputs)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.rate, total_steps=settings.steps)
    for _ in track(range(settings.steps), "pretraining", settings.steps):
        drawn = rng.choice(len(images), settings.batch)
        loss = _loss(network(augment(images[drawn], rng)), wanted, drawn)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return network.eval()


def _loss(predicted: torch.Tensor, wanted: Targets, drawn: npt.NDArray[np.int64]) -> torch.Tensor:
    contrasts = int(wanted.contrast.max()) + 1
    contrast, plane = predicted[:, :contrasts], predicted[:, contrasts : contrasts + len(PLANES)]
    amounts = predicted[:, contrasts + len(PLANES) :]
    return (
        functional.cross_entropy(contrast, torch.from_numpy(wanted.contrast[drawn]))
        + functional.cross_entropy(plane, torch.from_numpy(wanted.plane[drawn]))
        + functional.smooth_l1_loss(amounts, torch.from_numpy(wanted.amounts[drawn])) * 2
    )


def save_weights(network: SliceNetwork, path: Path) -> None:
    """Write the weights as safetensors."""
    path.write_bytes(save({name: tensor.contiguous() for name, tensor in sorted(network.state_dict().items())}))
