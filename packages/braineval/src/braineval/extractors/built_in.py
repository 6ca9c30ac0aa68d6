"""Features of a small network trained on phantom slices; its weights ship with the package, nothing is downloaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load as load_tensors

from braineval.network import FEATURES, SliceNetwork
from braineval.score import NotDefinedError
from braineval.tensors import as_grey

SHIPPED = Path(__file__).parents[1] / "weights" / "built-in.safetensors"


@dataclass(frozen=True, kw_only=True)
class BuiltIn:
    """The built-in network with its weights."""

    network: SliceNetwork
    sha256: str
    name: str = "built-in"
    dimension: int = FEATURES
    preprocessing: str = "grey / 255, 64 × 64 by area averaging"

    def __call__(self, images: npt.NDArray[np.uint8], /) -> npt.NDArray[np.float32]:
        """Return pooled features, (n, h, w) → (n, 128)."""
        with torch.inference_mode():
            return np.asarray(self.network.features(as_grey(images)).numpy(), dtype=np.float32)


def load(weights: Path | None) -> BuiltIn:
    """Return the built-in extractor; `weights` replaces the shipped file."""
    path = weights or SHIPPED
    if not path.is_file():
        raise NotDefinedError(f"{path} is not there: reinstall braineval, or give the file with --weights")
    blob = path.read_bytes()
    state = load_tensors(blob)
    network = SliceNetwork(len(state["head.bias"]))
    network.load_state_dict(state)
    return BuiltIn(network=network.eval(), sha256=hashlib.sha256(blob).hexdigest())
