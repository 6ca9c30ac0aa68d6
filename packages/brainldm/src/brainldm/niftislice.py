"""A slice folder that `generate` wrote in, the same slices as NIfTI out; the affine says plane, place and sides."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from braincaption.slicefolder import read_slices

NIFTI = "nifti"
# World axes (0 right, 1 anterior, 2 superior) along which a picture's columns and rows run, as `brain caption render`
# draws them: rows go down, sagittal slices look to the left, and the patient's left is on the right unless told so.
_AXES = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}
_RADIOLOGICAL, _NEUROLOGICAL = "radiological", "neurological"


def write_nifti_slices(folder: Path) -> int:
    """Write ``nifti/ab/<name>.nii.gz`` for each picture of a slice folder and return their number.

    Returns
    -------
    int
        Slices written or already there.

    Raises
    ------
    UsageError
        A slice whose plane, pixel size or displayed side is not known: an affine would be invented.
    """
    found = read_slices(folder)
    columns = ["plane", "pixel_mm", "displayed_side"]
    for column in columns:
        if found.table[column].isna().any():
            raise UsageError(f"the {column} of a slice of {folder} is not known, so NIfTI has no affine: say it, or "
                             "use a model that was trained on slices of one")  # fmt: skip
    for i, row in enumerate(found.table.to_dict("records")):
        path = folder / NIFTI / Path(row["file_name"]).relative_to("images").with_suffix(".nii.gz")
        if path.exists():
            continue
        position = 0.0 if np.isnan(row["position_mm"]) else float(row["position_mm"])
        affine = slice_affine(row["plane"], row["displayed_side"], position, float(row["pixel_mm"]), found.shape)
        image = nib.Nifti1Image(np.ascontiguousarray(found.image(i).T[:, :, None]), affine)
        image.header.set_xyzt_units("mm")
        with atomic_path(path) as aside:
            nib.save(image, aside)
    return len(found)


def slice_affine(
    plane: str, side: str, position_mm: float, pixel_mm: float, shape: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Return voxel (column, row, 0) → world, RAS mm, of a picture whose centre lies on the axis of its plane.

    Parameters
    ----------
    plane : str
    side : str
        ``radiological`` or ``neurological``.
    position_mm : float
        Coordinate along the plane's axis.
    pixel_mm : float
        Also the slice's thickness in the affine, as a generated slice has none of its own.
    shape : tuple of int
        (height, width).

    Examples
    --------
    >>> slice_affine("axial", "radiological", 10.0, 2.0, (3, 3))[:3, 3].tolist()
    [2.0, 2.0, 10.0]
    """
    if side not in (_RADIOLOGICAL, _NEUROLOGICAL):
        raise UsageError(
            f"displayed_side is {side!r}, wanted {_RADIOLOGICAL} or {_NEUROLOGICAL}: draw the slices again"
        )
    across, up = _AXES[plane]
    through = 3 - across - up
    affine = np.zeros((4, 4))
    affine[across, 0] = pixel_mm if side == _NEUROLOGICAL and plane != "sagittal" else -pixel_mm
    affine[up, 1] = -pixel_mm
    affine[through, 2] = pixel_mm
    affine[3, 3] = 1.0
    middle = affine @ [(shape[1] - 1) / 2, (shape[0] - 1) / 2, 0.0, 0.0]
    affine[:3, 3] = -middle[:3]
    affine[through, 3] = position_mm
    return affine
