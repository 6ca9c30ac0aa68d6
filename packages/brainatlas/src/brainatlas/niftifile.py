"""Arrays in, NIfTI files out whose bytes depend on nothing but the arrays: no times, no names, no paths."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

from brainatlas.geometry import Matrix
from braincaption.atomic import atomic_path
from braincaption.errors import ScanError

_MILLIMETRES = 2
_CHUNK = 1 << 20


def refuse_damaged(path: Path) -> None:
    """Read a compressed file to its end, where its checksum stands: nibabel stops at the last voxel and never sees it.

    Raises
    ------
    ScanError
        The bytes are not those that were compressed; without this, wrong voxels would pass for a scan.
    """
    if path.suffix != ".gz":
        return
    try:
        with gzip.open(path) as handle:
            while handle.read(_CHUNK):
                pass
    except (OSError, EOFError, zlib.error) as error:
        said = " ".join(str(error).split())[:80]
        raise ScanError(f"{path} is truncated or damaged ({said}): download or export it again") from None


def write_nifti(path: Path, data: npt.NDArray[np.generic], affine: Matrix) -> None:
    """Write `data`, shape (i, j, k), with the world of `affine`; the file appears whole or not at all.

    Parameters
    ----------
    path : Path
        Ends in ``.nii.gz`` (the gzip header carries neither time nor name).
    data : ndarray
        Stored in its own type; bool as uint8.
    affine : ndarray, shape (4, 4)
        Voxel → world RAS, mm; written as sform and, where it has no shear, as qform too.
    """
    stored = data.astype(np.uint8) if data.dtype == bool else data
    image = nib.Nifti1Image(np.ascontiguousarray(stored), affine)
    image.header.set_xyzt_units(_MILLIMETRES)
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    if not np.allclose(image.get_qform(), affine, atol=1e-4):  # a sheared grid: only the sform can say so
        image.set_qform(None, code="unknown")
    with atomic_path(path) as aside:
        nib.save(image, aside)


def small_integers(labels: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return a label map in the smallest of uint8, uint16 that holds it."""
    return labels.astype(np.uint8 if labels.size == 0 or labels.max() < 256 else np.uint16)
