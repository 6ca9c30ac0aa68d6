"""Displacement fields in, ITK transforms (.h5) that any ITK program applies out; and back, point by point.

A field is kept together with its affine, as one composite transform: `antsApplyTransforms -t FILE.h5` needs no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from brainatlas.geometry import LPS, Matrix, flip_frames, zooms
from brainatlas.register.hdf5 import without_times
from braincaption.atomic import atomic_path
from braincaption.errors import ScanError

_FLIP = np.array([-1.0, -1.0, 1.0])  # components of a vector, RAS ↔ LPS


@dataclass(frozen=True, kw_only=True)
class Field:
    """How far each point of a world moves.

    Attributes
    ----------
    vectors : ndarray of float32, shape (i, j, k, 3)
        Displacement at the voxel centres, mm, RAS; a point outside the grid stays where it is.
    affine : ndarray, shape (4, 4)
        Voxel → world RAS, mm.
    """

    vectors: npt.NDArray[np.float32]
    affine: Matrix

    def move(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return `points`, shape (n, 3), world RAS mm, where the field takes them (trilinear)."""
        moved = points.copy()
        _move(moved, self.vectors, np.ascontiguousarray(np.linalg.inv(self.affine)[:3]))
        return moved


def write_warp(path: Path, field: Field, matrix: Matrix, *, affine_first: bool) -> None:
    """Write a field and the point map that goes with it as one composite ITK transform; equal inputs, equal bytes.

    Parameters
    ----------
    path : Path
        Ends in ``.h5``.
    field : Field
    matrix : ndarray, shape (4, 4)
        Point map, RAS mm.
    affine_first : bool
        Whether a point goes through `matrix` before `field` (the way back) or after it.
    """
    import SimpleITK as sitk

    image = sitk.GetImageFromArray((field.vectors * _FLIP).transpose(2, 1, 0, 3), isVector=True)
    spacing, lps = zooms(field.affine), LPS @ field.affine
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    affine, moved = sitk.AffineTransform(3), flip_frames(matrix)
    affine.SetMatrix(moved[:3, :3].ravel().tolist())
    affine.SetTranslation(moved[:3, 3].tolist())
    warp = sitk.DisplacementFieldTransform(image)
    # ITK applies the last one first.
    composite = sitk.CompositeTransform([warp, affine] if affine_first else [affine, warp])
    with atomic_path(path) as aside:
        sitk.WriteTransform(composite, str(aside))
        aside.write_bytes(without_times(aside.read_bytes()))


def read_warp(path: Path) -> Field:
    """Read the field of a transform that `write_warp` wrote.

    Raises
    ------
    ScanError
        The file is missing, damaged, or holds no field.
    """
    import SimpleITK as sitk

    try:
        composite = sitk.CompositeTransform(sitk.ReadTransform(str(path)))
        parts = [composite.GetNthTransform(n) for n in range(composite.GetNumberOfTransforms())]
        image = next(_as_field(part) for part in parts if part.GetName() == "DisplacementFieldTransform")
    except (RuntimeError, StopIteration):
        raise ScanError(f"{path} holds no readable warp: delete it and run register again") from None
    vectors = sitk.GetArrayFromImage(image).transpose(2, 1, 0, 3) * _FLIP
    lps = np.eye(4)
    lps[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    lps[:3, 3] = image.GetOrigin()
    return Field(vectors=np.ascontiguousarray(vectors, dtype=np.float32), affine=LPS @ lps)


def _as_field(transform: Any) -> Any:
    import SimpleITK as sitk

    return sitk.DisplacementFieldTransform(transform).GetDisplacementField()


@numba.njit(cache=True, nogil=True)
def _move(points, vectors, to_voxel):  # type: ignore[no-untyped-def]
    ni, nj, nk, _ = vectors.shape
    for n in range(points.shape[0]):
        p, q, r = points[n, 0], points[n, 1], points[n, 2]
        x = to_voxel[0, 0] * p + to_voxel[0, 1] * q + to_voxel[0, 2] * r + to_voxel[0, 3]
        y = to_voxel[1, 0] * p + to_voxel[1, 1] * q + to_voxel[1, 2] * r + to_voxel[1, 3]
        z = to_voxel[2, 0] * p + to_voxel[2, 1] * q + to_voxel[2, 2] * r + to_voxel[2, 3]
        if x < 0 or y < 0 or z < 0 or x > ni - 1 or y > nj - 1 or z > nk - 1:
            continue
        x0, y0, z0 = min(int(x), ni - 2), min(int(y), nj - 2), min(int(z), nk - 2)
        fx, fy, fz = x - x0, y - y0, z - z0
        for a in range(2):
            wx = fx if a else 1 - fx
            for b in range(2):
                wy = wx * (fy if b else 1 - fy)
                for c in range(2):
                    weight = wy * (fz if c else 1 - fz)
                    for d in range(3):
                        points[n, d] += weight * vectors[x0 + a, y0 + b, z0 + c, d]
