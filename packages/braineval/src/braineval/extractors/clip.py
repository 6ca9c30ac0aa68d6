"""Image features of any CLIP in a local folder or the Hub cache (``--weights FOLDER-OR-NAME``), of length 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from braineval.clip import Clip, load_clip


@dataclass(frozen=True, kw_only=True)
class ClipExtractor:
    """The image side of a CLIP."""

    clip: Clip
    name: str = "clip"

    @property
    def sha256(self) -> str:
        """Checksum of the weights."""
        return self.clip.sha256

    @property
    def dimension(self) -> int:
        """Length of the shared embedding."""
        return self.clip.dimension

    @property
    def preprocessing(self) -> str:
        """How a slice becomes the network's input."""
        return self.clip.preprocessing

    def __call__(self, images: npt.NDArray[np.uint8], /) -> npt.NDArray[np.float32]:
        """Return embeddings of length 1, (n, h, w) → (n, dimension)."""
        return self.clip.images(images)


def load(weights: Path | None) -> ClipExtractor:
    """Return the CLIP called or lying at `weights`; by default ViT-L/14-336, with which the CMMD is defined."""
    return ClipExtractor(clip=load_clip(weights))
