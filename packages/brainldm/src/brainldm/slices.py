"""A slice folder in, the pictures and captions that training and validation see out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from braincaption.errors import UsageError
from braincaption.slicefolder import read_slices

TRAIN, VALIDATION = "train", "validation"


@dataclass(frozen=True, kw_only=True)
class Slices:
    """Pictures with their facts, all in memory as 8-bit grey.

    Attributes
    ----------
    pictures : ndarray of uint8, shape (n, height, width)
    table : DataFrame
        One row a picture, columns of ``braincaption.schema.SLICE_FOLDER``.
    """

    pictures: npt.NDArray[np.uint8]
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def fingerprint(self) -> str:
        """SHA-1 over pictures and captions: tells whether a run may go on with these data."""
        digest = hashlib.sha1(self.pictures.tobytes(), usedforsecurity=False)
        digest.update("\n".join(self.table["caption"].fillna("")).encode())
        return digest.hexdigest()


def load_slices(folder: Path, split: str, multiple: int) -> Slices:
    """Read the slices of `split` from a slice folder or dataset folder; rows without a split count as ``train``.

    Parameters
    ----------
    folder : Path
    split : str
        ``train``, ``validation``, ``test`` or ``cross``.
    multiple : int
        Height and width must be divisible by this, as the VAE halves them between levels.

    Raises
    ------
    UsageError
        Unreadable folder, no slice in ``train``, or a picture size that the VAE cannot halve.
    """
    found = read_slices(folder)
    height, width = found.shape
    if height % multiple or width % multiple:
        raise UsageError(
            f"{folder} has pictures of {width}×{height} pixels, wanted multiples of {multiple}: render them with --size"
        )
    chosen = found.select((found.table["split"].fillna(TRAIN) == split).to_numpy())
    if split == TRAIN and not len(chosen):
        raise UsageError(f"{folder} has no slice of split train among its {len(found)}: render the training people too")
    pictures = np.empty((len(chosen), height, width), dtype=np.uint8)
    for i, picture in enumerate(chosen.images()):
        pictures[i] = picture
    return Slices(pictures=pictures, table=chosen.table)


def to_float(pictures: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Return 8-bit pictures as float32 in [0, 1], shape (n, 1, height, width)."""
    return torch.from_numpy(pictures.astype(np.float32) / 255.0).unsqueeze(1)


def to_bytes(images: torch.Tensor) -> npt.NDArray[np.uint8]:
    """Return images of shape (n, 1, height, width) as 8-bit pictures; values outside [0, 1] are cut."""
    grey = (images.detach().float().cpu().clamp(0, 1) * 255.0).round().to(torch.uint8)
    return np.ascontiguousarray(grey.squeeze(1).numpy())
