"""A space's grid and a slice of it in, where every pixel of the square picture lies in the image's volume out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braincaption.errors import ScanError
from braincaption.orientation import slice_axes
from braincaption.render.settings import ViewSettings

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

# Per plane: world axis that runs to the right of the picture (in the neurological view) and world axis that runs up.
_RIGHT_AND_UP = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}


@dataclass(frozen=True, kw_only=True)
class PixelGrid:
    """Pixel (row, column) lies at ``start + row * down + column * across``, in voxel indices of some volume."""

    start: Vector
    down: Vector
    across: Vector

    def mapped(self, affine: npt.NDArray[np.floating]) -> PixelGrid:
        """Return the same grid in the coordinates that `affine`, shape (4, 4), maps these to."""
        turn = affine[:3, :3]
        return PixelGrid(start=turn @ self.start + affine[:3, 3], down=turn @ self.down, across=turn @ self.across)


def pixel_grid(space_affine: Matrix, plane: str, index: int, centre_voxel: Vector, settings: ViewSettings) -> PixelGrid:
    """Return where the pixels of one slice lie in the world, RAS mm.

    The picture shows the slice's own plane, also on an oblique grid. Anterior is up on axial pictures, superior on
    the others; on sagittal ones anterior is on the left.

    Parameters
    ----------
    space_affine : ndarray, shape (4, 4)
        Voxel of the space → world.
    plane : str
        axial, coronal or sagittal.
    index : int
        Array index across the slice.
    centre_voxel : ndarray, shape (3,)
        Voxel of the space that the picture is centred on; its coordinate across the slice is ignored.
    settings : ViewSettings

    Raises
    ------
    ScanError
        The grid has no such plane.
    """
    axes = slice_axes(space_affine)
    if plane not in axes:
        raise ScanError(f"the plane {plane} is none of {', '.join(sorted(axes))}: ask for one of them")
    along = {stack.world: stack.sign * _unit(space_affine[:3, stack.axis]) for stack in axes.values()}
    right, up = (along[world] for world in _RIGHT_AND_UP[plane])
    flipped = plane == "sagittal" or not settings.neurological
    across = (-right if flipped else right) * settings.pixel_mm
    down = -up * settings.pixel_mm
    centre = np.array(centre_voxel, dtype=np.float64)
    centre[axes[plane].axis] = index
    middle = space_affine[:3, :3] @ centre + space_affine[:3, 3]
    half = (settings.size - 1) / 2
    return PixelGrid(start=middle - half * (down + across), down=down, across=across)


def _unit(column: Vector) -> Vector:
    return np.asarray(column / np.linalg.norm(column), dtype=np.float64)
