"""A volume and planes in, a mosaic of slices out: true proportions whatever the voxel grid, radiological convention.

Slices are drawn on an upright grid of equal pixels in the scan's world (RAS mm), so oblique and thick-slice scans look
as they lie; the patient's left is on the right of the picture.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from brainatlas.geometry import Matrix
from brainatlas.sampling import sample_linear, sample_nearest

Picture = npt.NDArray[np.uint8]  # (rows, columns, 3)

COLUMNS = 5
TILE = 150  # pixels of a tile's longer side
GAP = 2
# Per plane: world axis along columns and its sign, along rows (downwards) and its sign, across.
_PLANES = ((0, -1, 1, -1, 2), (0, -1, 2, -1, 1), (1, -1, 2, -1, 0))


@dataclass(frozen=True, kw_only=True)
class View:
    """Where the slices of a mosaic lie: one world box, in mm.

    Attributes
    ----------
    low, high : ndarray, shape (3,)
        Corners of the box around the brain, RAS.
    """

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    @property
    def pixel_mm(self) -> float:
        """Size of a pixel, mm."""
        return float((self.high - self.low).max() / TILE)


def view_of(mask: npt.NDArray[np.bool_], affine: Matrix, margin_mm: float = 8.0) -> View:
    """Return the view that holds every voxel of `mask` (the whole volume where it is empty)."""
    voxels = np.argwhere(mask) if mask.any() else np.array([[0, 0, 0], np.array(mask.shape) - 1])
    corners = np.array(np.meshgrid(*zip(voxels.min(0), voxels.max(0), strict=True), indexing="ij")).reshape(3, -1)
    world = affine[:3, :3] @ corners + affine[:3, 3:]
    return View(low=world.min(axis=1) - margin_mm, high=world.max(axis=1) + margin_mm)


def mosaic(
    data: npt.NDArray[np.generic], affine: Matrix, view: View, *, world: Matrix | None = None, nearest: bool = False
) -> npt.NDArray[Any]:
    """Return three rows (axial, coronal, sagittal) of `COLUMNS` slices.

    Parameters
    ----------
    data : ndarray, shape (i, j, k)
    affine : ndarray, shape (4, 4)
        Voxel → world RAS, mm.
    world : ndarray, shape (4, 4), optional
        Point of the view's world → point of the data's world, where these are two.
    nearest : bool
        For labels and masks.
    """
    back = np.linalg.inv(affine) @ (np.eye(4) if world is None else world)
    sample = sample_nearest if nearest else sample_linear
    rows = []
    for plane in _PLANES:
        tiles: list[npt.NDArray[Any]] = []
        for share in np.linspace(0.18, 0.82, COLUMNS):
            to_world, shape = _slice(view, plane, float(share))
            tile = sample(data, back @ to_world, shape)[:, :, 0].T
            tiles.append(np.pad(tile, ((GAP, 0), (0, TILE + GAP - tile.shape[1]))))
        rows.append(np.concatenate(tiles, axis=1))
    return np.concatenate(rows, axis=0)


def _slice(view: View, plane: tuple[int, int, int, int, int], share: float) -> tuple[Matrix, tuple[int, int, int]]:
    column, column_sign, row, row_sign, across = plane
    size = (view.high - view.low) / view.pixel_mm
    to_world = np.zeros((4, 4))
    to_world[3, 3] = 1
    for index, (axis, sign) in enumerate(((column, column_sign), (row, row_sign))):
        to_world[axis, index] = sign * view.pixel_mm
        to_world[axis, 3] = view.low[axis] if sign > 0 else view.high[axis]
    to_world[across, 2] = view.pixel_mm
    to_world[across, 3] = view.low[across] + share * (view.high[across] - view.low[across])
    return to_world, (round(size[column]), round(size[row]), 1)


def grey(values: npt.NDArray[np.generic], low: float, high: float) -> Picture:
    """Return grey levels: `low` black, `high` white."""
    scaled = np.clip((values.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1)
    return np.repeat(np.rint(scaled * 235).astype(np.uint8)[..., None], 3, axis=2)


def outline(picture: Picture, inside: npt.NDArray[np.bool_], colour: tuple[int, int, int]) -> Picture:
    """Draw the border of `inside` over a picture."""
    drawn = picture.copy()
    drawn[inside & ~ndimage.binary_erosion(inside)] = colour
    return drawn


def paint(picture: Picture, labels: npt.NDArray[Any], strength: float = 0.62) -> Picture:
    """Lay the colours of labels over a picture."""
    colours = label_colours()[labels.astype(np.int64) % 4096]
    mixed = picture * (1 - strength) + colours * strength
    return np.where(labels[..., None] > 0, mixed, picture).astype(np.uint8)


def heat(picture: Picture, values: npt.NDArray[np.generic], inside: npt.NDArray[np.bool_]) -> Picture:
    """Lay doubt (1 − confidence) over a picture: nothing where sure, yellow to red where the voters disagree."""
    doubt = np.clip(1 - values.astype(np.float32), 0, 1)
    ramp = np.stack([np.full_like(doubt, 255), 225 * (1 - doubt), 40 * (1 - doubt)], axis=-1)
    weight = np.where(inside, np.sqrt(doubt), 0)[..., None] * 0.9
    return np.asarray(picture * (1 - weight) + ramp * weight, dtype=np.uint8)


def label_colours() -> npt.NDArray[np.uint8]:
    """Return 4096 colours: hues far apart for neighbouring numbers, the same in every report."""
    number = np.arange(4096)
    hue = (number * 0.61803398875) % 1.0
    saturation, value = 0.55 + 0.35 * ((number // 3) % 2), 0.78 + 0.2 * (number % 2)
    sector = np.floor(hue * 6).astype(int) % 6
    rest = hue * 6 - np.floor(hue * 6)
    p, q, t = value * (1 - saturation), value * (1 - saturation * rest), value * (1 - saturation * (1 - rest))
    table = np.array([[value, t, p], [q, value, p], [p, value, t], [p, q, value], [t, p, value], [value, p, q]])
    return np.rint(255 * table[sector, :, number]).astype(np.uint8)


def data_uri(picture: Picture) -> str:
    """Return a picture as a PNG (palette of 96 colours) inside a data URI; equal pixels give equal text."""
    image = Image.fromarray(picture).quantize(96, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
