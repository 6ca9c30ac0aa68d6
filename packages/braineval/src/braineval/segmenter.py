"""Slices in, the structures that a small 2-D network sees in them out: which, how much, and where.

The network is MONAI's U-Net on grey values and both coordinates, trained on slices with true labels by
`braineval.segmenter_training`; a folder of weights and what they were trained on keeps it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from braincaption.atomic import atomic_folder
from braincaption.errors import UsageError
from braincaption.progress import track
from braineval.network import to_side
from braineval.score import NotDefinedError
from braineval.slices import Slices
from braineval.tensors import as_grey

WIDTHS = (16, 32, 64, 128)
FEATURES = 16
STEP = 2 ** (len(WIDTHS) - 1)  # sides must be multiples of it
WEIGHTS, CONFIG, CARD = "segmenter.safetensors", "config.json", "README.md"
Amounts = npt.NDArray[np.float64]
Classes = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class About:
    """What a segmenter was trained on and how well it does.

    Attributes
    ----------
    labels : tuple of int
        The label of class 1, 2, …
    side : int
        Pixels a side that slices are brought to.
    thresholds : tuple of float
        Expected pixels from which on a structure counts as present, a number a class.
    mm3_per_pixel : float
        Volume that a pixel of a slice stands for, mm³; learned from the captions' volumes.
    people_sha256 : tuple of str
        Checksums of the person keys it was trained on: they are nobody to test it on.
    dice : dict of str to float
        Dice on held-out people, pooled over their slices, by label; as measured when it was trained.
    held_out : tuple of int
        Slices and people behind `dice`.
    """

    labels: tuple[int, ...]
    side: int
    thresholds: tuple[float, ...]
    mm3_per_pixel: float
    people_sha256: tuple[str, ...]
    dice: dict[str, float]
    held_out: tuple[int, int]

    @property
    def mean_dice(self) -> float:
        """Mean of `dice` over structures."""
        return float(np.mean(list(self.dice.values()))) if self.dice else float("nan")


@dataclass(frozen=True, kw_only=True)
class Segmenter:
    """A trained network, what it was trained on, and the checksum of its weights."""

    network: nn.Module
    about: About
    sha256: str

    @property
    def preprocessing(self) -> str:
        """How a slice becomes the network's input."""
        return f"grey / 255, {self.about.side} × {self.about.side}"

    def pixels(self, slices: Slices, batch: int) -> Amounts:
        """Return how many pixels each slice is expected to show of each structure, shape (n, labels)."""
        return self._read(slices, batch)[0]

    def classes(self, slices: Slices, batch: int) -> Classes:
        """Return the most probable class of every pixel, shape (n, side, side)."""
        return self._read(slices, batch)[1]

    def present(self, pixels: Amounts) -> npt.NDArray[np.bool_]:
        """Return which structures are there, from what `pixels` returned."""
        return pixels >= np.array(self.about.thresholds)

    def volumes(self, pixels: Amounts) -> Amounts:
        """Return volumes, mm³, from what `pixels` returned; absent structures have none."""
        return np.where(self.present(pixels), pixels * self.about.mm3_per_pixel, 0.0)

    def _read(self, slices: Slices, batch: int) -> tuple[Amounts, Classes]:
        # The slices read last are kept: several metrics of a report look at the same ones.
        key = (id(self.network), id(slices.reader), slices.rows.tobytes())
        if key not in _read:
            parts = [
                (p[:, 1:].sum(dim=(2, 3)).double().numpy(), p.argmax(dim=1).to(torch.uint8).numpy())
                for p in self._chances(slices, batch)
            ]
            if len(_read) >= _READ_SETS:
                _read.pop(next(iter(_read)))
            amounts, classes = (np.concatenate(one) for one in zip(*parts, strict=True))
            _read[key] = (self.network, slices, amounts, classes)
        return _read[key][2:]

    def _chances(self, slices: Slices, batch: int) -> Iterator[torch.Tensor]:
        name = Path(slices.name).name
        with torch.inference_mode():
            for images in track(slices.batches(batch), f"structures of {name}", -(-len(slices) // batch)):
                yield torch.softmax(self.network(inputs(to_side(as_grey(images), self.about.side))), dim=1)


# Each entry holds its network and slices, so that no other can take their place in memory and with it their key.
_read: dict[tuple[int, int, bytes], tuple[nn.Module, Slices, Amounts, Classes]] = {}
_READ_SETS = 4


def make_network(classes: int, seed: int) -> nn.Module:
    """Return a fresh network, (n, 3, side, side) → (n, classes + 1, side, side); torch's global generator is kept."""
    from monai.networks.nets import UNet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = UNet(
            spatial_dims=2,
            in_channels=3,
            out_channels=FEATURES,
            channels=WIDTHS,
            strides=(2,) * (len(WIDTHS) - 1),
            num_res_units=1,
            norm=("GROUP", {"num_groups": 4}),
        )
        return nn.Sequential(body, nn.SiLU(), nn.Conv2d(FEATURES, classes + 1, 1))


def inputs(grey: torch.Tensor) -> torch.Tensor:
    """Return grey values with both coordinates in [-1, 1], (n, 1, h, w) → (n, 3, h, w): left and right differ."""
    n, _, height, width = grey.shape
    down = torch.linspace(-1, 1, height).view(1, 1, height, 1).expand(n, 1, height, width)
    across = torch.linspace(-1, 1, width).view(1, 1, 1, width).expand(n, 1, height, width)
    return torch.cat([grey, down, across], dim=1)


def own_side(shape: tuple[int, int], most: int) -> int:
    """Return the side, a multiple of `STEP` and at most `most`, that slices of `shape` are brought to."""
    return max(STEP, min(most, min(shape)) // STEP * STEP)


def person_sums(people: list[str]) -> tuple[str, ...]:
    """Return checksums of person keys, which a model may carry where names may not go."""
    return tuple(sorted(hashlib.sha256(person.encode()).hexdigest() for person in set(people)))


def save_segmenter(network: nn.Module, about: About, card: str, out: Path) -> Segmenter:
    """Write the model folder, whole or not at all, and return what it holds."""
    blob = save_tensors({name: tensor.contiguous() for name, tensor in sorted(network.state_dict().items())})
    with atomic_folder(out) as aside:
        (aside / WEIGHTS).write_bytes(blob)
        (aside / CONFIG).write_text(json.dumps(asdict(about), indent=1) + "\n", encoding="utf-8")
        (aside / CARD).write_text(card, encoding="utf-8")
    return Segmenter(network=network.eval(), about=about, sha256=hashlib.sha256(blob).hexdigest())


@lru_cache(maxsize=2)
def load_segmenter(folder: Path | None) -> Segmenter:
    """Read a model folder.

    Raises
    ------
    NotDefinedError
        None is given.
    UsageError
        The folder holds something else.
    """
    if folder is None:
        raise NotDefinedError(
            "this needs a segmenter: draw true labels with `brain eval draw-labels`, train one with `brain eval "
            "train-segmenter`, and give its folder with --segmenter"
        )
    try:
        read: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        tuples: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in read.items()}
        about = About(**tuples)
        blob = (folder / WEIGHTS).read_bytes()
        network = make_network(len(about.labels), seed=0)
        network.load_state_dict(load_tensors(blob))
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise UsageError(
            f"{folder} holds no segmenter ({' '.join(str(error).split())[:100]}): give what `brain eval "
            "train-segmenter` wrote"
        ) from None
    return Segmenter(network=network.eval(), about=about, sha256=hashlib.sha256(blob).hexdigest())
