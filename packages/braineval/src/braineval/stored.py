"""Features of slices in, a file of them out, found again by the extractor's checksum and the pixels' own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from braincaption.atomic import atomic_path
from braineval.slices import Slices

Array = npt.NDArray[np.float32]
_TENSOR = "features"


def stored_path(folder: Path, extractor_sha256: str, slices: Slices, batch: int) -> Path:
    """Return where the features of `slices` lie in `folder`; equal pixels in equal order have one place."""
    digest = hashlib.sha256(f"{extractor_sha256} {slices.shape}".encode())
    for images in slices.batches(batch):
        digest.update(images.tobytes())
    return folder / f"{digest.hexdigest()[:32]}.safetensors"


def read_stored(path: Path) -> Array | None:
    """Return stored features, shape (n, d), or None where there are none."""
    return np.asarray(load_file(path)[_TENSOR], dtype=np.float32) if path.is_file() else None


def write_stored(path: Path, features: Array) -> None:
    """Keep features for the next run."""
    with atomic_path(path) as aside:
        save_file({_TENSOR: np.ascontiguousarray(features)}, aside)
