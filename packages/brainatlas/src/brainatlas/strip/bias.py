"""A brain and its mask in, the brain without its slow shading out: N4.

Tustison et al. 2010, doi:10.1109/TMI.2010.2046908, by SimpleITK.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from brainatlas.geometry import Matrix, zooms

_COARSE_MM = 4.0  # shading is smooth: it is estimated on voxels of this size
_ITERATIONS = [50, 50, 30, 20]


def without_bias(data: npt.NDArray[np.generic], mask: npt.NDArray[np.bool_], affine: Matrix) -> npt.NDArray[np.float32]:
    """Return `data`, float32, divided by its bias field; nothing changes outside `mask`."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # equal bits
    image = sitk.GetImageFromArray(data.astype(np.float32).transpose(2, 1, 0))
    where = sitk.GetImageFromArray(mask.astype(np.uint8).transpose(2, 1, 0))
    spacing = zooms(affine)
    for one in (image, where):
        one.SetSpacing(spacing.tolist())
    factor = [max(1, int(_COARSE_MM // size)) for size in spacing]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(_ITERATIONS)
    n4.Execute(sitk.Shrink(image, factor), sitk.Shrink(where, factor))
    shading = np.exp(sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(image)).transpose(2, 1, 0))
    return np.where(mask, data / shading, data).astype(np.float32)
