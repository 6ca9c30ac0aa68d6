"""A scan's path in, its grid out, from the header alone; refuses what no later stage could use, saying why."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.imageglobals import logger as nibabel_logger
from nibabel.spatialimages import HeaderDataError

from braincaption.errors import ScanError

GRID_TOLERANCE_MM = 1e-2
_SMALLEST_DETERMINANT = 1e-6
_DEFLATE_AT_BEST = 1032  # uncompressed bytes for one compressed byte, by the format's definition


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Shape and position of a volume.

    Attributes
    ----------
    shape : tuple of int
        Three lengths; trailing axes of 1 are dropped.
    affine : ndarray, shape (4, 4)
        Voxel index → world RAS, mm.
    analyze : bool
        Plain Analyze, whose header holds no affine: nibabel makes one up.
    """

    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64]
    analyze: bool

    @property
    def zooms(self) -> tuple[float, float, float]:
        """Voxel size along the three array axes, mm."""
        first, second, third = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0)).tolist()
        return first, second, third

    def matches(self, other: Grid) -> bool:
        """Tell whether two grids have one shape and agree to 0.01 mm at every corner."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape], (1,), indexing="ij")).reshape(4, -1)
        return bool(np.abs((self.affine - other.affine) @ corners).max() <= GRID_TOLERANCE_MM)


def read_grid(path: Path, affine: npt.NDArray[np.float64] | None = None) -> Grid:
    """Read shape and affine of a NIfTI or Analyze file without its voxels.

    Parameters
    ----------
    path : Path
    affine : ndarray, shape (4, 4), optional
        To be used instead of the file's own.

    Raises
    ------
    ScanError
        Missing file, no NIfTI, a real 4-D series, no voxels, too short for what its header promises, or
        an affine that cannot be inverted.
    """
    if not path.exists():
        broken = "is a broken link (not downloaded?)" if path.is_symlink() else "does not exist"
        raise ScanError(f"{path.name} {broken}: download it (datalad get, git annex get) or leave it out")
    try:
        with quiet_nibabel(), np.errstate(all="ignore"):
            image = nib.load(path)
            shape = tuple(int(length) for length in image.shape)
            own = image.affine if affine is None else affine
            promised = _promised_bytes(image, shape)
    except (ImageFileError, HeaderDataError, EOFError, OSError, ValueError, OverflowError, zlib.error) as error:
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise ScanError(f"{path.name} is no readable NIfTI file ({said}): download or export it again") from None
    three = _three_lengths(path, shape)
    _refuse_short(path, promised)
    return Grid(
        shape=three,
        affine=_checked_affine(path, own),
        analyze=not isinstance(image, nib.Nifti1Pair | nib.Nifti2Pair),
    )


@contextmanager
def quiet_nibabel() -> Iterator[None]:
    """Keep nibabel from telling about headers it mends, in lines that name no file."""
    before = nibabel_logger.disabled
    nibabel_logger.disabled = True
    try:
        yield
    finally:
        nibabel_logger.disabled = before


def _three_lengths(path: Path, shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) > 3 and any(length != 1 for length in shape[3:]):
        raise ScanError(f"{path.name} is a series of shape {shape}, wanted one volume: take one volume of it")
    if len(shape) < 3 or min(shape) < 1:
        raise ScanError(f"{path.name} has shape {shape}, wanted three dimensions with voxels: export it again")
    return shape[0], shape[1], shape[2]


def _checked_affine(path: Path, affine: object) -> npt.NDArray[np.float64]:
    checked = np.asarray(affine, dtype=np.float64)
    if checked.shape != (4, 4) or not np.isfinite(checked).all():
        raise ScanError(f"{path.name} has no finite affine: repair its header (qform or sform)")
    if abs(np.linalg.det(checked[:3, :3])) < _SMALLEST_DETERMINANT:
        raise ScanError(f"{path.name} has an affine that cannot be inverted: repair its header (qform or sform)")
    return checked


def _promised_bytes(image: nib.spatialimages.SpatialImage, shape: tuple[int, ...]) -> tuple[Path, int] | None:
    file_map = image.file_map["image"].filename
    if file_map is None or str(file_map).endswith((".bz2", ".zst")):
        return None
    voxels = 1
    for length in shape:
        voxels *= length
    offset = int(getattr(image.dataobj, "offset", 0))
    return Path(file_map), offset + voxels * int(image.get_data_dtype().itemsize)


def _refuse_short(path: Path, promised: tuple[Path, int] | None) -> None:
    if promised is None:
        return
    held, wanted = promised
    if not held.exists():
        raise ScanError(f"{held.name} beside {path.name} is missing: the scan needs both files")
    size = held.stat().st_size
    if held.suffix == ".gz":
        wanted //= _DEFLATE_AT_BEST
    if size < wanted:
        raise ScanError(f"{held.name} is truncated ({size} of at least {wanted} bytes): download or export it again")
