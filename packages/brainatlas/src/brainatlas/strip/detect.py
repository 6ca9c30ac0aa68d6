"""A volume in, whether its skull is gone already, and the mask of a brain without skull, out."""

from __future__ import annotations

import cc3d
import fill_voids  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from braincaption.errors import ScanError
from braincaption.nifti import Volume

# Smallest heads with scalp and skull have more than this above zero; the largest brains less.
_LARGEST_BRAIN_ML = 2100.0
_LEAST_EMPTY = 0.35  # share of voxels without signal; a box cut tightly around a brain still has about a half
_LEAST_EMPTY_BORDER = 0.80


def is_stripped(volume: Volume) -> bool:
    """Tell from the background whether the skull has been removed.

    A stripped scan is exactly zero (or, after interpolation, at or below zero) around one brain-sized piece: most of
    the array's faces and a good part of the array are empty, and the largest filled piece is no larger than a brain.
    A head whose air has been set to zero is larger than that.
    """
    signal = np.greater(volume.data.astype(np.float32, copy=False), 0)
    if 1 - signal.mean() < _LEAST_EMPTY or 1 - _border_share(signal) < _LEAST_EMPTY_BORDER:
        return False
    piece = largest_filled_component(signal)
    return float(piece.sum()) * volume.voxel_mm3 / 1000 <= _LARGEST_BRAIN_ML


def stripped_mask(volume: Volume) -> npt.NDArray[np.bool_]:
    """Return the mask of a scan without skull: its largest filled piece above zero.

    Raises
    ------
    ScanError
        Nothing is above zero.
    """
    signal = np.greater(volume.data.astype(np.float32, copy=False), 0)
    if not signal.any():
        raise ScanError(f"{volume.path} has no voxel above zero: export it again or leave it out")
    return largest_filled_component(signal)


def largest_filled_component(signal: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the largest 26-connected piece of `signal` with its holes filled."""
    pieces = cc3d.connected_components(np.ascontiguousarray(signal))
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    if sizes.max(initial=0) == 0:
        return np.zeros_like(signal)
    return np.asarray(fill_voids.fill(pieces == sizes.argmax()), dtype=bool)


def _border_share(signal: npt.NDArray[np.bool_]) -> float:
    faces = [signal[0], signal[-1], signal[:, 0], signal[:, -1], signal[:, :, 0], signal[:, :, -1]]
    return float(sum(face.sum() for face in faces) / sum(face.size for face in faces))
