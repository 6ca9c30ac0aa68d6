"""A drawn slice and the slices a model was trained on in, the nearest of those out: is it a copy?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from braincaption.errors import UsageError
from braincaption.slicefolder import SliceFolder, read_slices
from brainldm.slices import TRAIN

SEEN = "seen"  # subfolder of a model that may ship its training slices, as a dataset folder
_CHUNK = 1024


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """The training slice nearest to a picture.

    Attributes
    ----------
    picture : ndarray of uint8, shape (height, width)
    caption : str
    distance : float
        Root mean square difference of grey values, 0 to 255.
    """

    picture: npt.NDArray[np.uint8]
    caption: str
    distance: float


class Seen:
    """Training slices, all in memory as 8-bit grey.

    Parameters
    ----------
    folder : SliceFolder
    """

    def __init__(self, folder: SliceFolder) -> None:
        chosen = folder.select((folder.table["split"].fillna(TRAIN) == TRAIN).to_numpy())
        if not len(chosen):
            raise UsageError(
                f"{folder.path} has no slice of split train: give the slices that the model was trained on"
            )
        self.captions = chosen.table["caption"].fillna("").tolist()
        self.pictures = np.stack(list(chosen.images()))

    def nearest(self, picture: npt.NDArray[np.uint8]) -> Neighbour:
        """Return the slice with the least root mean square difference from `picture` (height, width)."""
        if picture.shape != self.pictures.shape[1:]:
            raise UsageError(f"training slices of {self.pictures.shape[1:]} pixels, pictures of {picture.shape}")
        squares = np.concatenate([
            ((self.pictures[first : first + _CHUNK].astype(np.float32) - picture) ** 2).mean(axis=(1, 2))
            for first in range(0, len(self.pictures), _CHUNK)
        ])  # fmt: skip
        best = int(squares.argmin())
        return Neighbour(
            picture=self.pictures[best], caption=self.captions[best], distance=float(np.sqrt(squares[best]))
        )


def open_seen(model: Path, slices: Path | None) -> Seen | None:
    """Return the slices of `slices`, or those that the model ships with; None where there are neither."""
    if slices is not None:
        return Seen(read_slices(slices))
    return Seen(read_slices(model / SEEN)) if (model / SEEN).is_dir() else None
