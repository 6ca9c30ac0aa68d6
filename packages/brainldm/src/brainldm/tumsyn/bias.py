"""A normalised volume in, the same without its slow shading out, as a network of small patches is shown it: N4.

Tustison et al. 2010, doi:10.1109/TMI.2010.2046908, by SimpleITK. A patch cannot tell a bright corner of a coil from
white matter; the whole volume can.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from brainldm.tumsyn.intensity import FOREGROUND

_COARSE_MM = 10.0  # shading is smooth: found on voxels of about this size
_ITERATIONS = (30, 20, 5)  # from few control points to many; more of the last change nothing
_THINNEST, _FEWEST = 3, 100  # coarse voxels along an axis, and of tissue: a slab, or fewer, say nothing of shading
Voxels = npt.NDArray[np.float32]


def corrected(voxels: Voxels, zooms: tuple[float, ...]) -> Voxels:
    """Return a volume divided by its bias field, from 0 to 1, as many voxels at 1 as before.

    The same with any number of threads around it. A head too small to tell, or a slab, is returned as it is.

    Parameters
    ----------
    voxels : ndarray of float32
        From 0 to 1 (see `brainldm.tumsyn.intensity.normalised`); what is darker than tissue is left out.
    zooms : tuple of float
        Voxel size, mm.
    """
    tissue = voxels > FOREGROUND
    where = np.nonzero(tissue)
    if not len(where[0]):
        return voxels
    box = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in where)
    steps = [max(1, round(_COARSE_MM / zoom)) for zoom in zooms]
    coarse = tissue[box][tuple(slice(step // 2, None, step) for step in steps)]
    if min(coarse.shape) < _THINNEST or np.count_nonzero(coarse) < _FEWEST:
        return voxels
    even = voxels.copy()
    even[box] /= _field(voxels[box], tissue[box], zooms, steps)
    below = float(np.mean(voxels[tissue] < 1.0))
    even /= max(float(np.quantile(even[tissue], below, method="higher")), FOREGROUND)
    return np.where(tissue, np.clip(even, 0.0, 1.0), voxels).astype(np.float32)


def _field(voxels: Voxels, tissue: npt.NDArray[np.bool_], zooms: tuple[float, ...], steps: list[int]) -> Voxels:
    """Return the bias field, around 1."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # equal bits
    image, where = (sitk.GetImageFromArray(one.T) for one in (voxels, tissue.astype(np.uint8)))  # the last axis first
    for one in (image, where):
        one.SetSpacing([float(zoom) for zoom in zooms])
    finder = sitk.N4BiasFieldCorrectionImageFilter()
    finder.SetMaximumNumberOfIterations(list(_ITERATIONS))
    finder.Execute(sitk.Shrink(image, steps), sitk.Shrink(where, steps))
    return np.asarray(np.exp(sitk.GetArrayFromImage(finder.GetLogBiasFieldAsImage(image)).T), dtype=np.float32)
