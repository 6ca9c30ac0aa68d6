"""The features that the FID is defined on: Inception, its weights from ``--weights`` or torch's hub cache."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from braincaption.errors import UsageError
from braineval.inception import FEATURES, Inception, resize
from braineval.score import NotDefinedError

# The names under which torch-fidelity and pytorch-fid publish the same weights.
FILES = ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth")
SOURCE = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILES[0]}"


@dataclass(frozen=True, kw_only=True)
class InceptionExtractor:
    """Inception with its weights."""

    network: Inception
    sha256: str
    name: str = "inception"
    dimension: int = FEATURES
    preprocessing: str = "grey as RGB, 299 × 299 bilinear as in TensorFlow 1, (x - 128) / 128"

    def __call__(self, images: npt.NDArray[np.uint8], /) -> npt.NDArray[np.float32]:
        """Return pooled features, (n, h, w) → (n, 2048)."""
        with torch.inference_mode():
            grey = resize(torch.from_numpy(images).unsqueeze(1).float())
            features = self.network(((grey - 128) / 128).expand(-1, 3, -1, -1))
        return np.asarray(features.numpy(), dtype=np.float32)


def load(weights: Path | None) -> InceptionExtractor:
    """Return Inception with the weights of file `weights`, or of torch's hub cache.

    Raises
    ------
    NotDefinedError
        The weights are in neither place; the message says where to get them and where to put them.
    UsageError
        The file holds something else.
    """
    path = weights or _cached()
    if path is None or not path.is_file():
        wanted = path or Path(torch.hub.get_dir()) / "checkpoints" / FILES[0]
        raise NotDefinedError(
            f"FID needs the Inception weights, {wanted} is not there: download {SOURCE} and give the file with "
            "--weights (or use frechet, whose built-in extractor needs no download)"
        )
    network = Inception()
    try:
        network.load_state_dict(_state(path), strict=True)
    except (RuntimeError, KeyError, ValueError) as error:
        raise UsageError(
            f"{path} does not hold the FID Inception weights ({' '.join(str(error).split())[:160]}): download {SOURCE}"
        ) from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return InceptionExtractor(network=network.eval(), sha256=digest)


def _cached() -> Path | None:
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def _state(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return dict(load_file(path))
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the damaged archive provokes
        raise ValueError(f"not readable with weights_only: {type(error).__name__}") from None
    # torch-fidelity's file counts batches too, which nothing reads.
    return {name: tensor for name, tensor in dict(state).items() if not name.endswith("num_batches_tracked")} | {
        f"{name.removesuffix('running_mean')}num_batches_tracked": torch.tensor(0)
        for name in state
        if name.endswith("running_mean")
    }
