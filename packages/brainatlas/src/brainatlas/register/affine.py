"""Two brains in, the affine from a point of the one to the same point of the other out (ANTs, mutual information).

Both brains are cropped and brought to one coarse isotropic grid first: at 2 mm the affine is as good as at 1 mm for a
tenth of the time, and scans of any size and field of view cost the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from brainatlas.engine import load_ants, scratch, to_ants
from brainatlas.geometry import Matrix, bounding_box, crop_affine, read_itk, zooms
from brainatlas.sampling import sample_linear
from braincaption.errors import ScanError


@dataclass(frozen=True, kw_only=True)
class AffineSettings:
    """How the affine is found.

    Attributes
    ----------
    resolution_mm : float
        Voxel size both brains are brought to.
    margin_mm : float
        Empty border kept around the brain, so that smoothing and rotation stay inside.
    transform : str
        ANTsPy's name: ``AffineFast`` stops at half resolution, ``Affine`` goes to the full one.
    """

    resolution_mm: float = 2.0
    margin_mm: float = 10.0
    transform: str = "Affine"


DEFAULTS = AffineSettings()


@dataclass(frozen=True, kw_only=True)
class Brain:
    """A skull-stripped image, ready to be registered.

    Attributes
    ----------
    data : ndarray of float32, shape (i, j, k)
        Zero outside the brain.
    affine : ndarray, shape (4, 4)
        Voxel → world RAS, mm.
    """

    data: npt.NDArray[np.float32]
    affine: Matrix


def prepare(
    data: npt.NDArray[np.generic],
    affine: Matrix,
    mask: npt.NDArray[np.bool_],
    settings: AffineSettings = DEFAULTS,
) -> Brain:
    """Crop an image to its brain, cut extreme intensities and bring it to the working resolution."""
    box = bounding_box(mask)
    inside = np.where(mask[box], data[box], 0).astype(np.float32)
    low, high = np.percentile(inside[mask[box]], (0.5, 99.5))
    inside = np.where(mask[box], np.clip(inside, min(low, 0.0), high) - min(low, 0.0), 0).astype(np.float32)
    return resample_isotropic(inside, crop_affine(affine, box), settings)


def resample_isotropic(data: npt.NDArray[np.float32], affine: Matrix, settings: AffineSettings) -> Brain:
    """Bring `data` to cubes of ``resolution_mm`` along its own axes, smoothed against aliasing, with a margin."""
    spacing = zooms(affine)
    factor = settings.resolution_mm / spacing  # voxels of data per new voxel
    smooth = gaussian_filter(data, sigma=np.where(factor > 1, 0.4 * factor, 0.0), mode="constant")
    border = int(np.ceil(settings.margin_mm / settings.resolution_mm))
    shape = tuple(int(np.ceil(n / f)) + 2 * border for n, f in zip(data.shape, factor, strict=True))
    to_voxel = np.diag([*factor, 1.0])
    to_voxel[:3, 3] = (factor - 1) / 2 - border * factor
    resampled = sample_linear(smooth, to_voxel, (shape[0], shape[1], shape[2]))
    return Brain(data=resampled, affine=affine @ to_voxel)


def align(fixed: Brain, moving: Brain, settings: AffineSettings = DEFAULTS) -> Matrix:
    """Return the point map from `fixed` to `moving`, RAS mm, shape (4, 4).

    The search starts with the centres of mass on each other (so that the origins may lie anywhere) and maximises
    Mattes' mutual information, which holds across contrasts; one transform serves both directions.

    Raises
    ------
    ScanError
        ANTs did not find a transform, or one that no head fits (scaled by more than a factor of two).
    """
    ants = load_ants()
    with scratch() as folder:
        try:
            found = ants.registration(
                fixed=to_ants(fixed.data, fixed.affine),
                moving=to_ants(moving.data, moving.affine),
                type_of_transform=settings.transform,
                outprefix=str(folder / "xfm_"),
            )
        except (RuntimeError, ValueError) as error:
            raise ScanError(f"registration failed ({error}): look at the stripped scan and its mask") from None
        matrix = read_itk(Path(found["fwdtransforms"][0]))
    stretch = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    if stretch.max() > 2 or stretch.min() < 0.5 or np.linalg.det(matrix[:3, :3]) < 0:
        raise ScanError(
            f"registration stretched the head by {stretch.min():.2f} to {stretch.max():.2f}, wanted 0.5 to 2: look at "
            "the stripped scan, its mask and its voxel size"
        )
    return matrix
