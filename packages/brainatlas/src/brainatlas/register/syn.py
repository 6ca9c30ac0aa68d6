"""Two affinely aligned brains in, the symmetric diffeomorphism (SyN) between them out, in both directions.

Avants et al. 2008, doi:10.1016/j.media.2007.06.004, by ANTs. The fields are smooth: they are found at a working
resolution and kept at 2 mm or coarser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt

from brainatlas.engine import load_ants, scratch, to_ants
from brainatlas.geometry import Matrix, write_itk
from brainatlas.register.affine import Brain
from brainatlas.register.warp import Field
from braincaption.errors import ScanError, UsageError

AFFINE = "affine"
DEFAULT_MM = 2.0
_WRITTEN = re.compile(r"syn(?:-(\d+(?:\.\d+)?)mm)?")
_FINEST_MM, _COARSEST_MM = 0.8, 6.0
_KEPT_MM = 2.0


@dataclass(frozen=True, kw_only=True)
class SynSettings:
    """How the warp is found.

    Attributes
    ----------
    resolution_mm : float
        Voxel size both brains are brought to.
    metric : str
        ``mattes`` holds across contrasts; ``CC`` (local correlation) is for one contrast.
    bins : int
        Bins of ``mattes``, or radius of ``CC`` in voxels.
    iterations : tuple of int
        Most steps at each level, from the coarsest to the working resolution; each level halves the voxel size. None
        are taken at the finest: they cost eight times those before, and the field is smooth.
    """

    resolution_mm: float = DEFAULT_MM
    metric: str = "CC"
    bins: int = 2
    iterations: tuple[int, ...] = (80, 50, 25, 0)


def syn_settings(transform: str) -> SynSettings | None:
    """Return what ``affine`` (nothing), ``syn`` or ``syn-1mm`` asks for.

    Raises
    ------
    UsageError
        It is none of these, or the resolution makes no sense.

    Examples
    --------
    >>> syn_settings("affine") is None, syn_settings("syn-4mm").resolution_mm
    (True, 4.0)
    """
    if transform == AFFINE:
        return None
    found = _WRITTEN.fullmatch(transform)
    if found is None:
        raise UsageError(f"--transform {transform!r} came, wanted affine, syn, or syn at a resolution: syn-1mm")
    resolution = float(found.group(1) or DEFAULT_MM)
    if not _FINEST_MM <= resolution <= _COARSEST_MM:
        raise UsageError(f"--transform {transform}: give {_FINEST_MM:g} to {_COARSEST_MM:g} mm")
    return SynSettings(resolution_mm=resolution)


def across_contrasts(settings: SynSettings) -> SynSettings:
    """Return `settings` with mutual information, which asks for no relation between the grey levels."""
    return replace(settings, metric="mattes", bins=32)


def deform(fixed: Brain, moving: Brain, matrix: Matrix, settings: SynSettings) -> tuple[Field, Field]:
    """Return the fields fixed → fixed that come before `matrix`, and after its inverse on the way back.

    Parameters
    ----------
    fixed, moving : Brain
    matrix : ndarray, shape (4, 4)
        Point map fixed → moving, RAS mm: a point x of `fixed` shows what ``matrix · forward(x)`` of `moving` shows.
    settings : SynSettings

    Raises
    ------
    ScanError
        ANTs did not find a warp.
    """
    ants = load_ants()
    with scratch() as folder:
        write_itk(folder / "affine.mat", matrix)
        try:
            ants.registration(
                fixed=to_ants(fixed.data, fixed.affine),
                moving=to_ants(moving.data, moving.affine),
                type_of_transform="SyNOnly",
                initial_transform=str(folder / "affine.mat"),
                syn_metric=settings.metric,
                syn_sampling=settings.bins,
                reg_iterations=settings.iterations,
                outprefix=str(folder / "xfm_"),
            )
        except (RuntimeError, ValueError) as error:
            raise ScanError(f"SyN failed ({error}): look at the stripped scan, or register affinely") from None
        forward, inverse = (_read(folder, name, fixed.affine) for name in ("Warp", "InverseWarp"))
    return _thinned(forward), _thinned(inverse)


def _read(folder: Path, name: str, affine: Matrix) -> Field:
    files = sorted(folder.glob(f"xfm_[0-9]{name}.nii.gz"))
    if not files:
        raise ScanError("SyN left no warp: look at the stripped scan, or register affinely")
    vectors = np.asarray(nib.load(files[0]).dataobj)[:, :, :, 0, :] * np.array([-1.0, -1.0, 1.0])  # LPS → RAS
    return Field(vectors=np.ascontiguousarray(vectors, dtype=np.float32), affine=affine)


def _thinned(field: Field) -> Field:
    """Return a field finer than 2 mm at every second (third …) voxel: its smoothing leaves nothing between them."""
    spacing = np.sqrt((field.affine[:3, :3] ** 2).sum(axis=0)).mean()
    step = max(1, round(_KEPT_MM / float(spacing)))
    if step == 1:
        return field
    thin: npt.NDArray[np.float32] = np.ascontiguousarray(field.vectors[::step, ::step, ::step])
    return Field(vectors=thin, affine=field.affine @ np.diag([step, step, step, 1.0]))
