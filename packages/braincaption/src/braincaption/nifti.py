"""A NIfTI path in, a checked three-dimensional volume out; refuses what no later stage could use, saying why."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, SpatialImage

from braincaption.errors import ScanError

LARGEST_LABEL = 65535  # labels are uint16 in every table


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A scan or label map in memory.

    Attributes
    ----------
    data : ndarray, shape (i, j, k)
        float32 for images, uint16 for labels.
    affine : ndarray, shape (4, 4)
        Voxel index → world coordinates, RAS, mm.
    path : Path
    """

    data: npt.NDArray[np.generic]
    affine: npt.NDArray[np.float64]
    path: Path

    @property
    def zooms(self) -> npt.NDArray[np.float64]:
        """Voxel size along the three array axes, mm."""
        return np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel, mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))


def load_image(path: Path) -> Volume:
    """Read a scan as float32, shape (i, j, k).

    Raises
    ------
    ScanError
        Missing or truncated file, not NIfTI, a real 4-D series, NaN or infinite voxels, all voxels equal, or an
        affine that cannot be inverted. The message names the file and the remedy.
    """
    image = _open(path)
    data = _read(image, path).astype(np.float32, copy=False)
    broken = int(np.count_nonzero(~np.isfinite(data)))
    if broken:
        raise ScanError(f"{path} has {broken} NaN or infinite voxels: repair the scan or leave it out")
    if data.size == 0 or data.min() == data.max():
        raise ScanError(f"{path} holds one value everywhere (no image): export it again or leave it out")
    return Volume(data=data, affine=_affine(image, path), path=path)


def load_labels(path: Path) -> Volume:
    """Read a label map as uint16, shape (i, j, k); labels stored as float are taken when they are whole numbers.

    Raises
    ------
    ScanError
        As `load_image`, or labels that are negative, not whole, or above 65535.
    """
    image = _open(path)
    stored = _read(image, path)
    if not np.isfinite(stored).all():
        raise ScanError(f"{path} has NaN or infinite labels: export the label map again as integers")
    # rint would make uint8 a float16, which cannot even hold the limit it is compared with.
    whole = stored if stored.dtype.kind in "iub" else np.rint(stored)
    if not np.array_equal(whole, stored):
        raise ScanError(f"{path} has labels that are not whole numbers: give a label map, not a probability map")
    lowest, highest = float(whole.min()), float(whole.max())
    if lowest < 0 or highest > LARGEST_LABEL:
        raise ScanError(
            f"{path} has labels from {lowest:.0f} to {highest:.0f}, wanted 0 to {LARGEST_LABEL}: renumber it"
        )
    return Volume(data=whole.astype(np.uint16), affine=_affine(image, path), path=path)


def read_grid(path: Path) -> tuple[tuple[int, int, int], npt.NDArray[np.float64]]:
    """Return shape and affine from the header alone; no voxel is read.

    Raises
    ------
    ScanError
        Missing or unreadable file, a series, or an affine that cannot be inverted.
    """
    image = _open(path)
    _check_shape(image.shape, path)
    return (int(image.shape[0]), int(image.shape[1]), int(image.shape[2])), _affine(image, path)


def same_grid(first: Volume, second: Volume, tolerance_mm: float = 1e-2) -> bool:
    """Tell whether two volumes have one shape and affines that agree to `tolerance_mm` at every corner."""
    if first.data.shape != second.data.shape:
        return False
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in first.data.shape], (1,), indexing="ij")).reshape(4, -1)
    return bool(np.abs((first.affine - second.affine) @ corners).max() <= tolerance_mm)


def _open(path: Path) -> SpatialImage:
    if not path.exists():
        raise ScanError(f"{path} does not exist: check the path")
    try:
        return nib.load(path)
    except (
        ImageFileError,
        HeaderDataError,
        EOFError,
        OSError,
        ValueError,
        zlib.error,
    ) as error:
        raise ScanError(f"{path} is no readable NIfTI file ({_short(error)}): download or export it again") from None


def _read(image: SpatialImage, path: Path) -> npt.NDArray[np.generic]:
    shape = image.shape
    _check_shape(shape, path)
    try:
        data = np.asanyarray(image.dataobj)
    except (EOFError, OSError, ValueError, zlib.error, MemoryError) as error:
        raise ScanError(f"{path} is truncated or damaged ({_short(error)}): download or export it again") from None
    if data.dtype.kind not in "iufb":
        raise ScanError(f"{path} holds {data.dtype} voxels, wanted numbers: export it as grey values")
    return data.reshape(shape[:3])


def _check_shape(shape: tuple[int, ...], path: Path) -> None:
    if len(shape) > 3 and any(length != 1 for length in shape[3:]):
        raise ScanError(f"{path} is a series of shape {shape}, wanted one volume: take one volume of it")
    if len(shape) < 3:
        raise ScanError(f"{path} has shape {shape}, wanted three dimensions: give a whole volume")
    if 0 in shape:
        raise ScanError(f"{path} has shape {shape}, with no voxel in it: export it again")


def _affine(image: SpatialImage, path: Path) -> npt.NDArray[np.float64]:
    affine = np.asarray(image.affine, dtype=np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        raise ScanError(f"{path} has an affine that cannot be inverted: repair its header (qform or sform)")
    return affine


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
