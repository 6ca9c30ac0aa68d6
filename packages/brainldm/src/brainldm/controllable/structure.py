"""A slice, a label map or a mask file in, the lines of its anatomy out: what the control branch is given."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import torch

from braincaption.errors import UsageError
from braincaption.extras import require
from brainldm.controllable.canny import canny
from brainldm.controllable.settings import LABELS, ControlSettings

Lines = npt.NDArray[np.bool_]
_NEUROLOGICAL = "neurological"
_MOST_BORDER = 0.5  # of a label map's pixels; of a grey slice's pixels nearly all differ from the next


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
        PNG with two grey values: lines as they are, the brighter value is the line. PNG with more: what the model
        learned from, a slice (its Canny edges) or a label map (its borders). NIfTI: one slice of a label map, its
        borders, turned as its affine says.
    shape : tuple of int
        (height, width) that the model draws.
    side : str or None
        ``radiological`` or ``neurological``: the side on which the model was shown the patient's left; None means
        radiological.
    settings : ControlSettings

    Raises
    ------
    UsageError
        Missing or unreadable file, a label map of several slices or of fractions, a slice where a label map is
        wanted, or another size.
    """
    if not path.is_file():
        raise UsageError(f"the mask {path} does not exist: give a PNG, or a NIfTI label map of one slice")
    lines = _nifti_lines(path, side) if path.name.endswith((".nii", ".nii.gz")) else _png_lines(path, settings)
    if lines.shape != tuple(shape):
        raise UsageError(
            f"the mask {path} has (height, width) {lines.shape}, but the model draws {tuple(shape)}: resample it"
        )
    return lines


def as_condition(lines: Lines) -> torch.Tensor:
    """Return lines (n, height, width) as float32 of shape (n, 1, height, width): 1 on a line, 0 beside it."""
    return torch.from_numpy(lines.astype(np.float32)).unsqueeze(1)


def _png_lines(path: Path, settings: ControlSettings) -> Lines:
    image = require("PIL.Image", "images")
    try:
        with image.open(io.BytesIO(path.read_bytes())) as opened:
            picture = np.array(opened.convert("L"), dtype=np.uint8)
    except OSError as error:
        raise UsageError(f"the mask {path} is no readable picture ({error}): give a PNG or NIfTI") from None
    values = np.unique(picture)
    if len(values) == 2:
        return picture == values[-1]
    if settings.structure != LABELS:
        return canny(picture, settings.canny_low, settings.canny_high)
    borders = label_borders(picture.astype(np.int64))
    if borders.mean() > _MOST_BORDER:
        raise UsageError(
            f"the mask {path} has borders on {borders.mean():.0%} of its pixels, so it is a slice; this model learned "
            "from label maps: give one, as `brain eval draw-labels` draws them, or lines in two grey values"
        )
    return borders


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
