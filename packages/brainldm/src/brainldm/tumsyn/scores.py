"""A volume made and the true one in, how far they agree out; and the copy that any model has to beat."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Voxels = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]
_WINDOW_SIGMA = 1.5  # voxels; Wang et al. 2004, doi:10.1109/TIP.2003.819861
_STABLE = (0.01**2, 0.03**2)  # of a range of 1


def psnr(found: Voxels, true: Voxels, mask: Mask | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB of volumes from 0 to 1, over the whole volume or inside `mask`.

    Examples
    --------
    >>> true = np.zeros((4, 4, 4))
    >>> round(psnr(true + 0.1, true), 3)
    20.0
    """
    difference = np.asarray(found, dtype=np.float64) - true
    error = float(np.mean((difference if mask is None else difference[mask]) ** 2))
    return float(-10 * np.log10(error)) if error else float("inf")


def ssim(found: Voxels, true: Voxels, mask: Mask | None = None) -> float:
    """Return the mean structural similarity of volumes from 0 to 1, Gaussian window of 1.5 voxels.

    Examples
    --------
    >>> true = np.random.default_rng(0).random((9, 9, 9))
    >>> ssim(true, true) == 1.0, ssim(1 - true, true) < 0
    (True, True)
    """
    first, second = np.asarray(found, dtype=np.float64), np.asarray(true, dtype=np.float64)
    means = [_window(volume) for volume in (first, second)]
    spread = [_window(volume**2) - mean**2 for volume, mean in zip((first, second), means, strict=True)]
    shared = _window(first * second) - means[0] * means[1]
    light = (2 * means[0] * means[1] + _STABLE[0]) / (means[0] ** 2 + means[1] ** 2 + _STABLE[0])
    local = light * (2 * shared + _STABLE[1]) / (spread[0] + spread[1] + _STABLE[1])
    return float(local.mean() if mask is None else local[mask].mean())


def linear_copy(source: Voxels, true: Voxels, mask: Mask) -> npt.NDArray[np.float64]:
    """Return the source as near to the true volume as a factor and an offset bring it inside `mask`; outside as it is.

    The fit sees the truth, so this is the best that copying could do.
    """
    factor, offset = np.polyfit(source[mask].astype(np.float64), true[mask].astype(np.float64), 1)
    copied = np.asarray(source, dtype=np.float64).copy()
    copied[mask] = np.clip(factor * copied[mask] + offset, 0.0, 1.0)
    return copied


def blurred(data: Voxels, fwhm: float) -> npt.NDArray[np.float32]:
    """Return a volume smoothed by a Gaussian whose full width at half maximum is `fwhm` voxels."""
    sigma = fwhm / np.sqrt(8 * np.log(2))
    return np.asarray(ndimage.gaussian_filter(np.asarray(data, dtype=np.float32), sigma), dtype=np.float32)


def _window(volume: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(ndimage.gaussian_filter(volume, _WINDOW_SIGMA))
