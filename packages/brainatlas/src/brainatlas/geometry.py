"""Affines and points in; transforms between RAS and ITK's LPS, composed matrices, boxes and ITK .mat files out.

Everything here is in world RAS coordinates, mm, unless a name says LPS. A *point map* is a 4×4 matrix that takes a
point of one world to the corresponding point of another.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from braincaption.atomic import atomic_path
from braincaption.errors import ScanError

Matrix = npt.NDArray[np.float64]  # (4, 4)

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_ITK_KEYS = ("AffineTransform_double_3_3", "AffineTransform_float_3_3", "MatrixOffsetTransformBase_double_3_3")


def flip_frames(matrix: Matrix) -> Matrix:
    """Turn a point map between RAS worlds into the same map between LPS worlds, or back."""
    return LPS @ matrix @ LPS


def read_itk(path: Path) -> Matrix:
    """Read an ITK affine (.mat, MATLAB 4) as a point map, fixed world → moving world, RAS, shape (4, 4).

    Raises
    ------
    ScanError
        The file is missing, damaged, or holds no affine.
    """
    from scipy.io import loadmat

    try:
        stored = loadmat(path)
    except Exception as error:  # scipy raises whatever a damaged file leads it to
        short = " ".join(str(error).split())[:80]
        raise ScanError(f"{path} is no readable ITK transform ({short}): delete it and run register again") from None
    key = next((key for key in _ITK_KEYS if key in stored), None)
    if key is None or "fixed" not in stored or stored[key].size != 12 or stored["fixed"].size != 3:
        raise ScanError(f"{path} holds no 3-D affine: delete it and run register again")
    return from_itk_parameters(stored[key].ravel(), stored["fixed"].ravel())


def from_itk_parameters(parameters: npt.ArrayLike, centre: npt.ArrayLike) -> Matrix:
    """Turn ITK's 12 affine parameters and centre (LPS) into a point map in RAS, shape (4, 4)."""
    values = np.asarray(parameters, dtype=np.float64)
    middle = np.asarray(centre, dtype=np.float64)[:3]
    linear = values[:9].reshape(3, 3)
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = values[9:12] + middle - linear @ middle  # ITK: y = M (x - c) + c + t
    return flip_frames(matrix)


def write_itk(path: Path, matrix: Matrix) -> None:
    """Write a point map (fixed → moving, RAS) as an ITK affine that ANTs and SimpleITK read."""
    from scipy.io import savemat

    lps = flip_frames(matrix)
    parameters = np.concatenate([lps[:3, :3].ravel(), lps[:3, 3]])
    content = {"AffineTransform_double_3_3": parameters[:, None], "fixed": np.zeros((3, 1))}
    with atomic_path(path) as aside:
        savemat(aside, content, format="4", appendmat=False)


def compose(space_from_common: Matrix, image_from_common: Matrix) -> Matrix:
    """Return the point map space → image from the maps common → space and common → image."""
    return np.asarray(image_from_common @ np.linalg.inv(space_from_common))


def voxel_map(space_affine: Matrix, matrix: Matrix, image_affine: Matrix) -> Matrix:
    """Return the map voxel of the space → voxel of the image, from the point map `matrix` (space → image)."""
    return np.asarray(np.linalg.inv(image_affine) @ matrix @ space_affine)


def as_row(matrix: Matrix) -> list[float]:
    """Return the upper 3×4 of `matrix` row by row, without negative zeros (whose bytes would differ)."""
    return [float(value) + 0.0 for value in matrix[:3].ravel()]


def from_row(row: npt.ArrayLike) -> Matrix:
    """Return the 4×4 matrix whose upper 3×4 is given row by row."""
    return np.vstack([np.asarray(row, dtype=np.float64).reshape(3, 4), [0.0, 0.0, 0.0, 1.0]])


def zooms(affine: Matrix) -> npt.NDArray[np.float64]:
    """Return the voxel size along the three array axes, mm."""
    return np.asarray(np.sqrt((affine[:3, :3] ** 2).sum(axis=0)))


def bounding_box(mask: npt.NDArray[np.generic], margin: int = 0) -> tuple[slice, slice, slice]:
    """Return the smallest box that holds every non-zero voxel, grown by `margin` voxels but kept inside the array.

    Raises
    ------
    ScanError
        The mask is empty.
    """
    box = []
    for axis in range(3):
        hit = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        if hit.size == 0:
            raise ScanError("the mask is empty: there is no brain to work on; give a mask, or leave the scan out")
        box.append(slice(max(0, int(hit[0]) - margin), min(mask.shape[axis], int(hit[-1]) + 1 + margin)))
    return box[0], box[1], box[2]


def crop_affine(affine: Matrix, box: tuple[slice, slice, slice]) -> Matrix:
    """Return the affine of ``array[box]``."""
    moved = np.array(affine, dtype=np.float64)
    moved[:3, 3] += affine[:3, :3] @ np.array([axis.start for axis in box], dtype=np.float64)
    return moved
