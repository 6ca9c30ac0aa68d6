"""Slices and texts in, their embeddings by one CLIP out; weights from a folder or the Hub cache, never downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from braineval.pretrained import absent, as_rgb, checksum, load_model, transformers_class

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
        pixels = as_rgb(images, self.side, MEAN, STD)
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
    model = load_model("CLIP", name, "CLIPModel")
    try:
        tokenizer = transformers_class("AutoTokenizer").from_pretrained(name, local_files_only=True)
    except (OSError, ValueError) as error:
        raise absent("CLIP", name, " ".join(str(error).split())[:80]) from None
    side = int(model.config.vision_config.image_size)
    return Clip(
        model=model,
        tokenizer=tokenizer,
        sha256=checksum(model),
        dimension=int(model.config.projection_dim),
        side=side,
        preprocessing=f"grey as RGB, {side} × {side} bicubic, CLIP's means and standard deviations, length 1",
    )


def _unit(output: Any) -> npt.NDArray[np.float32]:
    # transformers 5 wraps the projected embedding, transformers 4 returns it.
    tensor = output if isinstance(output, torch.Tensor) else output.pooler_output
    return np.asarray(functional.normalize(tensor.float(), dim=1).numpy(), dtype=np.float32)
