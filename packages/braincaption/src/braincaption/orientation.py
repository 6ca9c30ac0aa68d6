"""An affine in, the anatomical plane of each array axis out: never from array order, always from the affine."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
import numpy.typing as npt

from braincaption.errors import ScanError

# Index of the world axis (R, A, S) that a plane's normal follows.
NORMAL = {"sagittal": 0, "coronal": 1, "axial": 2}
LARGEST_OBLIQUE_DEG = 45.0


@dataclass(frozen=True, kw_only=True)
class SliceAxis:
    """One array axis as a stack of slices.

    Attributes
    ----------
    plane : str
        ``axial``, ``coronal`` or ``sagittal``: the plane of slices at a fixed index of this axis.
    axis : int
        Array axis, 0 to 2.
    world : int
        World axis it is named after: 0 right, 1 anterior, 2 superior.
    sign : int
        +1 when the index grows towards right, anterior or superior; -1 otherwise.
    oblique_deg : float
        Angle between the slice's normal and that world axis, degrees.
    thickness_mm : float
        Distance between neighbouring slices, measured across the slice, mm.
    """

    plane: str
    axis: int
    world: int
    sign: int
    oblique_deg: float
    thickness_mm: float


def slice_axes(affine: npt.NDArray[np.float64]) -> dict[str, SliceAxis]:
    """Return the stack of slices that each anatomical plane is, by plane.

    The plane is named after the world axis nearest to the array axis (nibabel's ``io_orientation``); the slice's
    normal is the cross product of the two in-plane axes.

    Raises
    ------
    ScanError
        A slice lies more than 45° off its plane, or two axes share one plane.
    """
    columns = np.asarray(affine, dtype=np.float64)[:3, :3]
    orientation = nib.orientations.io_orientation(affine)
    found: dict[str, SliceAxis] = {}
    for axis in range(3):
        if np.isnan(orientation[axis, 0]):
            raise ScanError("an array axis has no direction in the affine: repair the header")
        world, sign = int(orientation[axis, 0]), int(orientation[axis, 1])
        normal = np.cross(columns[:, (axis + 1) % 3], columns[:, (axis + 2) % 3])
        normal /= np.linalg.norm(normal)
        angle = float(np.degrees(np.arccos(np.clip(abs(normal[world]), 0.0, 1.0))))
        if angle > LARGEST_OBLIQUE_DEG:
            raise ScanError(f"slices lie {angle:.1f}° off every anatomical plane, at most 45° can be named: reorient")
        plane = next(name for name, index in NORMAL.items() if index == world)
        found[plane] = SliceAxis(
            plane=plane,
            axis=axis,
            world=world,
            sign=sign,
            oblique_deg=angle,
            thickness_mm=float(abs(normal @ columns[:, axis])),
        )
    return found


def axcodes(affine: npt.NDArray[np.float64]) -> str:
    """Return nibabel's axis codes as one word, such as ``LAS``."""
    return "".join(str(code) for code in nib.aff2axcodes(affine))
