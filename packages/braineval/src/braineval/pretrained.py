"""The name of a pretrained model or its folder in, the model out, if it lies on this machine: nothing is downloaded."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from braincaption.errors import BrainError
from braineval.score import NotDefinedError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures


def is_here(name: str) -> bool:
    """Tell whether `name` is a folder or in the Hub cache; importing transformers only to learn that takes seconds."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(name).is_dir() or (Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}").is_dir()


def absent(kind: str, name: str, why: str) -> NotDefinedError:
    """Return the refusal that says how to get a model."""
    return NotDefinedError(
        f"no {kind} at {name} ({why}): give a folder with --weights, or fetch it once with: hf download {name}"
    )


def transformers_class(name: str) -> Any:
    """Return a class of transformers, or raise with the extra that installs it."""
    try:
        import transformers
    except ImportError as error:
        raise BrainError(
            f"transformers does not import ({error}): install it with: pip install 'braineval[clip]'"
        ) from None
    return getattr(transformers, name)


def load_model(kind: str, name: str, model_class: str = "AutoModel") -> Any:
    """Return a model of transformers from a folder or the Hub cache, safetensors only, ready to infer.

    Raises
    ------
    NotDefinedError
        It is in neither place, or not readable.
    """
    if not is_here(name):
        raise absent(kind, name, "it is no folder and not in the Hub cache")
    wanted = transformers_class(model_class)
    try:
        return wanted.from_pretrained(name, local_files_only=True, use_safetensors=True).eval()
    except (OSError, ValueError) as error:
        raise absent(kind, name, " ".join(str(error).split())[:80]) from None


def load_settings(name: str) -> dict[str, Any]:
    """Return what a model's ``preprocessor_config.json`` says; nothing where it has none."""
    from huggingface_hub import try_to_load_from_cache

    path: Any = Path(name) / "preprocessor_config.json"
    if not Path(name).is_dir():
        path = try_to_load_from_cache(name, "preprocessor_config.json")
    known = isinstance(path, str | Path) and Path(path).is_file()
    return dict(json.loads(Path(path).read_text(encoding="utf-8"))) if known else {}


def checksum(model: torch.nn.Module) -> str:
    """Return the SHA-256 of the tensors: the cache may hold the same weights in several shards or formats."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def as_rgb(
    images: npt.NDArray[np.uint8], side: int, mean: tuple[float, ...], std: tuple[float, ...] = (1.0, 1.0, 1.0)
) -> torch.Tensor:
    """Return grey slices as normalised RGB, bicubic, (n, h, w) → (n, 3, side, side)."""
    grey = torch.from_numpy(np.ascontiguousarray(images)).unsqueeze(1).float() / 255
    sized = functional.interpolate(grey, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
    shape = (1, 3, 1, 1)
    return (sized.expand(-1, 3, -1, -1) - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape)
