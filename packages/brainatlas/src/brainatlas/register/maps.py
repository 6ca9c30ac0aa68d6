"""Two scans of OUT in, the way from a point of one to the same point of the other out: composed, or read (pairwise)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brainatlas.geometry import Matrix, compose, read_itk
from brainatlas.layout import Place
from brainatlas.register.job import TEMPLATE
from brainatlas.register.warp import Field, read_warp
from braincaption.errors import ScanError


@dataclass(frozen=True, kw_only=True)
class Way:
    """The way of a point through a common frame, in which warps may move it.

    Attributes
    ----------
    to_frame, from_frame : ndarray, shape (4, 4)
        Point maps space → frame and frame → image, RAS mm.
    fields : tuple of Field
        Applied one after the other within the frame.
    """

    to_frame: Matrix
    from_frame: Matrix
    fields: tuple[Field, ...] = ()

    @property
    def matrix(self) -> Matrix:
        """The affine part, space → image."""
        return np.asarray(self.from_frame @ self.to_frame, dtype=np.float64)

    def offsets(self, grid: Matrix, shape: tuple[int, int, int], to_voxel: Matrix) -> npt.NDArray[np.float32]:
        """Return how far the warps move each voxel of a grid from where the affine part takes it.

        Parameters
        ----------
        grid : ndarray, shape (4, 4)
            Voxel of the space → world of the space.
        shape : tuple of int
        to_voxel : ndarray, shape (4, 4)
            World of the image → its voxel.

        Returns
        -------
        ndarray of float32, shape (i, j, k, 3)
            Voxels of the image; shape (0, 0, 0, 3) where there are no warps.
        """
        if not self.fields:
            return np.zeros((0, 0, 0, 3), dtype=np.float32)
        out = np.empty((*shape, 3), dtype=np.float32)
        into, back = self.to_frame @ grid, (to_voxel @ self.from_frame)[:3, :3]
        plane = np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[2]), indexing="ij"), axis=-1).reshape(-1, 2)
        for i in range(shape[0]):  # a plane at a time: the points of a whole volume would take 100 MB
            start = plane @ into[:3, 1:3].T + (into[:3, 0] * i + into[:3, 3])
            moved = start
            for field in self.fields:
                moved = field.move(moved)
            out[i] = ((moved - start) @ back.T).reshape(shape[1], shape[2], 3)
        return out


def way_between(space: Place, image: Place, scheme: str = "template", *, warped: bool = False) -> Way:
    """Return the way from a point of `space` to the point of `image`, with its warps where `warped`.

    Raises
    ------
    ScanError
        A transform is missing or damaged: the scan was not registered.
    """
    if space == image:
        return Way(to_frame=np.eye(4), from_frame=np.eye(4))
    if scheme == "template":
        through = [(space, TEMPLATE, "inverse"), (image, TEMPLATE, "forward")]
        return Way(
            to_frame=_inverse(from_template(space)), from_frame=from_template(image), fields=_warps(through, warped)
        )
    there, back = image.transform(space.scan_id), space.transform(image.scan_id)
    if there.exists():
        fields = _warps([(image, space.scan_id, "forward")], warped)
        return Way(to_frame=np.eye(4), from_frame=read_itk(there), fields=fields)
    if back.exists():
        fields = _warps([(space, image.scan_id, "inverse")], warped)
        return Way(to_frame=_inverse(read_itk(back)), from_frame=np.eye(4), fields=fields)
    raise ScanError(f"{image.scan_id} and {space.scan_id} are not registered: run brain atlas register again")


def point_map(space: Place, image: Place, scheme: str = "template") -> Matrix:
    """Return the affine map from a point of `space` to the point of `image`, world RAS mm, shape (4, 4).

    Raises
    ------
    ScanError
        A transform is missing or damaged: the scan was not registered.
    """
    if scheme == "template" and space != image:
        return compose(from_template(space), from_template(image))
    return way_between(space, image, scheme).matrix


def from_template(place: Place) -> Matrix:
    """Return the map template → scan.

    Raises
    ------
    ScanError
        The scan was not registered.
    """
    path = place.transform(TEMPLATE)
    if not path.exists():
        raise ScanError(f"{place.scan_id} is not registered: run brain atlas register again")
    return read_itk(path)


def _inverse(matrix: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _warps(wanted: list[tuple[Place, str, str]], warped: bool) -> tuple[Field, ...]:
    return tuple(_warp(place, name, direction) for place, name, direction in wanted) if warped else ()


def _warp(place: Place, name: str, direction: str) -> Field:
    path = place.warp(name, direction)
    if not path.exists():
        raise ScanError(f"{place.scan_id} has no warp {path.name}: run brain atlas register --transform syn again")
    return read_warp(path)
