"""Slices and texts in, their embeddings by one CLIP out; weights from a folder or the Hub cache, never downloaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from braincaption.errors import BrainError
from braineval.score import NotDefinedError

# The CLIP with which the CMMD is defined (Jayasumana et al. 2024).
DEFAULT = "openai/clip-vit-large-patch14-336"
# Means and standard deviations of the pictures that OpenAI's CLIP was trained on.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A CLIP model with its tokenizer."""

    model: Any
    tokenizer: Any
    sha256: str
    dimension: int
    side: int
    preprocessing: str

    def images(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return image embeddings of length 1, (n, h, w) → (n, dimension)."""
        grey = torch.from_numpy(np.ascontiguousarray(images)).unsqueeze(1).float() / 255
        sized = functional.interpolate(grey, (self.side, self.side), mode="bicubic", antialias=True).clamp(0, 1)
        shape = (1, 3, 1, 1)
        pixels = (sized.expand(-1, 3, -1, -1) - torch.tensor(MEAN).view(shape)) / torch.tensor(STD).view(shape)
        with torch.inference_mode():
            return _unit(self.model.get_image_features(pixel_values=pixels))

    def texts(self, texts: list[str]) -> npt.NDArray[np.float32]:
        """Return text embeddings of length 1, shape (n, dimension); texts are cut at the model's length."""
        length = self.model.config.text_config.max_position_embeddings
        tokens = self.tokenizer(texts, padding=True, truncation=True, max_length=length, return_tensors="pt")
        with torch.inference_mode():
            return _unit(
                self.model.get_text_features(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
            )


@lru_cache(maxsize=2)
def load_clip(weights: Path | None) -> Clip:
    """Return the CLIP in folder `weights`, or of that Hub name, as far as it lies in the cache.

    Raises
    ------
    NotDefinedError
        It is in neither place.
    """
    name = DEFAULT if weights is None else str(weights)
    if not _is_here(name):
        raise NotDefinedError(_absent(name, "it is no folder and not in the Hub cache"))
    try:
        from transformers import AutoTokenizer, CLIPModel
    except ImportError as error:
        raise BrainError(
            f"transformers does not import ({error}): install it with: pip install 'braineval[clip]'"
        ) from None
    try:
        model = CLIPModel.from_pretrained(name, local_files_only=True, use_safetensors=True).eval()
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=True)
    except (OSError, ValueError) as error:
        raise NotDefinedError(_absent(name, " ".join(str(error).split())[:80])) from None
    side = int(model.config.vision_config.image_size)
    return Clip(
        model=model,
        tokenizer=tokenizer,
        sha256=_checksum(model),
        dimension=int(model.config.projection_dim),
        side=side,
        preprocessing=f"grey as RGB, {side} × {side} bicubic, CLIP's means and standard deviations, length 1",
    )


def _is_here(name: str) -> bool:
    # Asked first: importing transformers only to learn that there is nothing to load takes seconds.
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(name).is_dir() or (Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}").is_dir()


def _absent(name: str, why: str) -> str:
    return f"no CLIP at {name} ({why}): give a folder with --weights, or fetch it once with: hf download {name}"


def _checksum(model: torch.nn.Module) -> str:
    # Of the tensors, not of a file: the cache may hold the same weights in several shards or formats.
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _unit(output: Any) -> npt.NDArray[np.float32]:
    # transformers 5 wraps the projected embedding, transformers 4 returns it.
    tensor = output if isinstance(output, torch.Tensor) else output.pooler_output
    return np.asarray(functional.normalize(tensor.float(), dim=1).numpy(), dtype=np.float32)
