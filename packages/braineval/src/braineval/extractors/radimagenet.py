"""Pooled features of a ResNet trained on RadImageNet, its weights from ``--weights``: a file, a folder or a Hub name.

A file is the publishers' PyTorch checkpoint of a ResNet-50; a folder or name is a ResNet of transformers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from braincaption.errors import UsageError
from braineval.pretrained import as_rgb, checksum, load_model, transformers_class
from braineval.score import NotDefinedError

# Mei et al. 2022, Radiology: AI; means subtracted in the order blue, green, red, as its networks were trained.
BGR_MEAN = (0.406, 0.456, 0.485)
SIDE = 224
SOURCE = "https://github.com/BMEII-AI/RadImageNet"
# Position of conv1, bn1 and the four layers among a torchvision ResNet's children, as the checkpoint names them.
_CHILDREN = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}


@dataclass(frozen=True, kw_only=True)
class RadImageNet:
    """A ResNet."""

    model: Any
    sha256: str
    dimension: int
    name: str = "radimagenet"
    preprocessing: str = f"grey as three channels, {SIDE} × {SIDE} bicubic, minus ImageNet's means (blue, green, red)"

    def __call__(self, images: npt.NDArray[np.uint8], /) -> npt.NDArray[np.float32]:
        """Return pooled features, (n, h, w) → (n, dimension)."""
        with torch.inference_mode():
            found = self.model(pixel_values=as_rgb(images, SIDE, BGR_MEAN)).pooler_output
        return np.asarray(found.flatten(1).numpy(), dtype=np.float32)


def load(weights: Path | None) -> RadImageNet:
    """Return the RadImageNet ResNet at `weights`.

    Raises
    ------
    NotDefinedError
        None is given, or it is not on this machine.
    UsageError
        The file holds something else.
    """
    if weights is None:
        raise NotDefinedError(
            f"RadImageNet's weights are not shipped: download ResNet50.pt from {SOURCE} and give it with --weights, or "
            "the folder or cached Hub name of a ResNet of transformers"
        )
    model = _of_file(weights) if weights.is_file() else load_model("RadImageNet ResNet", str(weights))
    return RadImageNet(model=model, sha256=checksum(model), dimension=int(model.config.hidden_sizes[-1]))


def _of_file(path: Path) -> Any:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model = transformers_class("ResNetModel")(transformers_class("ResNetConfig")())
        model.load_state_dict(renamed(dict(state)), strict=True)
    except (RuntimeError, KeyError, ValueError, EOFError, AttributeError) as error:
        raise UsageError(
            f"{path} does not hold RadImageNet's ResNet-50 ({' '.join(str(error).split())[:120]}): download it from "
            f"{SOURCE}"
        ) from None
    return model.eval()


def renamed(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a torchvision ResNet's tensors under the names of transformers; a classifier's are dropped."""
    found = {}
    for name, tensor in state.items():
        plain = re.sub(r"^(?:backbone|module)\.", "", name)
        head, _, rest = plain.partition(".")
        plain = f"{_CHILDREN.get(head, head)}.{rest}"
        if (new := _new_name(plain)) is not None:
            found[new] = tensor
    return found


def _new_name(name: str) -> str | None:
    if stem := re.fullmatch(r"(conv1|bn1)\.(\w+)", name):
        return f"embedder.embedder.{'convolution' if stem[1] == 'conv1' else 'normalization'}.{stem[2]}"
    if layer := re.fullmatch(r"layer(\d)\.(\d+)\.(conv|bn)(\d)\.(\w+)", name):
        kind = "convolution" if layer[3] == "conv" else "normalization"
        place = f"encoder.stages.{int(layer[1]) - 1}.layers.{layer[2]}.layer.{int(layer[4]) - 1}"
        return f"{place}.{kind}.{layer[5]}"
    if short := re.fullmatch(r"layer(\d)\.(\d+)\.downsample\.(\d)\.(\w+)", name):
        kind = "convolution" if short[3] == "0" else "normalization"
        return f"encoder.stages.{int(short[1]) - 1}.layers.{short[2]}.shortcut.{kind}.{short[4]}"
    return None
