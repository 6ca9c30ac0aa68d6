"""A slice, a label map or a mask file in, the lines of its anatomy out: what the control branch is given."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import torch

from braincaption.atomic import atomic_folder
from braincaption.errors import UsageError
from braincaption.extras import require
from braincaption.progress import track
from brainldm.controllable.canny import canny
from brainldm.controllable.settings import ControlSettings
from brainldm.slices import Slices

Lines = npt.NDArray[np.bool_]
_EDGES, _MADE = "edges.npy", "made.json"
_NEUROLOGICAL = "neurological"


def label_borders(labels: npt.NDArray[np.integer[Any]]) -> Lines:
    """Return where a label differs from the one to its right or below, shape of `labels` (height, width).

    Examples
    --------
    >>> label_borders(np.array([[2, 2, 3], [2, 2, 3]])).astype(int).tolist()
    [[0, 1, 0], [0, 1, 0]]
    """
    borders = np.zeros(labels.shape, dtype=bool)
    borders[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    borders[:-1] |= labels[:-1] != labels[1:]
    return borders


def edges_of(pictures: npt.NDArray[np.uint8], settings: ControlSettings) -> Lines:
    """Return the Canny edges of slices, shape of `pictures` (n, height, width)."""
    found = [canny(picture, settings.canny_low, settings.canny_high) for picture in pictures]
    return np.stack(found) if found else np.zeros(pictures.shape, dtype=bool)


def read_mask(path: Path, shape: tuple[int, ...], side: str | None, settings: ControlSettings) -> Lines:
    """Return the lines that a mask file stands for.

    Parameters
    ----------
    path : Path
        PNG with two grey values: lines as they are, the brighter value is the line. PNG with more: a slice, its Canny
        edges. NIfTI: one slice of a label map, its borders, turned as its affine says.
    shape : tuple of int
        (height, width) that the model draws.
    side : str or None
        ``radiological`` or ``neurological``: the side on which the model was shown the patient's left; None means
        radiological.
    settings : ControlSettings

    Raises
    ------
    UsageError
        Missing or unreadable file, a label map of several slices or of fractions, or another size.
    """
    if not path.is_file():
        raise UsageError(f"the mask {path} does not exist: give a PNG, or a NIfTI label map of one slice")
    lines = _nifti_lines(path, side) if path.name.endswith((".nii", ".nii.gz")) else _png_lines(path, settings)
    if lines.shape != tuple(shape):
        raise UsageError(
            f"the mask {path} has (height, width) {lines.shape}, but the model draws {tuple(shape)}: resample it"
        )
    return lines


def cached_edges(slices: Slices, settings: ControlSettings, folder: Path) -> npt.NDArray[np.uint8]:
    """Return the edges of the training slices, eight a byte along the width, from `folder` where they are there."""
    made = {"data": slices.fingerprint, "low": settings.canny_low, "high": settings.canny_high}
    if not (folder / _MADE).is_file() or json.loads((folder / _MADE).read_text(encoding="utf-8")) != made:
        with atomic_folder(folder) as aside:
            packed = [
                np.packbits(canny(picture, settings.canny_low, settings.canny_high), axis=-1)
                for picture in track(slices.pictures, "Drawing edges")
            ]
            np.save(aside / _EDGES, np.stack(packed))
            (aside / _MADE).write_text(json.dumps(made, sort_keys=True) + "\n", encoding="utf-8")
    found: npt.NDArray[np.uint8] = np.load(folder / _EDGES, mmap_mode="r")
    return found


def as_condition(lines: Lines) -> torch.Tensor:
    """Return lines (n, height, width) as float32 of shape (n, 1, height, width): 1 on a line, 0 beside it."""
    return torch.from_numpy(lines.astype(np.float32)).unsqueeze(1)


def unpacked(packed: npt.NDArray[np.uint8], width: int) -> Lines:
    """Return lines (n, height, width) that `cached_edges` packed."""
    return np.unpackbits(packed, axis=-1, count=width).astype(bool)


def _png_lines(path: Path, settings: ControlSettings) -> Lines:
    image = require("PIL.Image", "images")
    try:
        with image.open(io.BytesIO(path.read_bytes())) as opened:
            picture = np.array(opened.convert("L"), dtype=np.uint8)
    except OSError as error:
        raise UsageError(f"the mask {path} is no readable picture ({error}): give a PNG or NIfTI") from None
    values = np.unique(picture)
    return picture == values[-1] if len(values) == 2 else canny(picture, settings.canny_low, settings.canny_high)


def _nifti_lines(path: Path, side: str | None) -> Lines:
    try:
        image = nib.as_closest_canonical(nib.load(path))
        labels = np.asarray(image.dataobj)
    except (OSError, ValueError, nib.filebasedimages.ImageFileError) as error:
        raise UsageError(f"the mask {path} is no readable NIfTI ({' '.join(str(error).split())[:80]})") from None
    thin = [axis for axis, length in enumerate(labels.shape) if length == 1]
    if labels.ndim != 3 or len(thin) != 1:
        raise UsageError(f"the mask {path} has shape {labels.shape}, wanted one slice of a volume: cut it out first")
    if not np.array_equal(labels, np.round(labels)):
        raise UsageError(f"the mask {path} holds fractions, wanted the whole numbers of a label map")
    flat = labels.squeeze(axis=thin[0])  # (right or anterior, anterior or superior), both growing
    mirrored = side != _NEUROLOGICAL or thin[0] == 0  # sagittal slices look to the left, as `render` draws them
    return label_borders((flat[::-1] if mirrored else flat)[:, ::-1].T.astype(np.int64))
