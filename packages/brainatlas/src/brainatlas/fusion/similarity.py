"""A target and candidates in, the candidates' images on its grid in its contrast, and local correlations, out.

Where contrasts differ (T2w or FLAIR labelled from T1w), a candidate's intensities are first replaced by what they mean
in the target: the mean intensity of the target's voxels that the candidates show in that grey level (the conditional
expectation of the correlation ratio; Roche et al. 1998, doi:10.1007/BFb0056301). No monotone relation is assumed, so
that dark, bright, medium (T1w: CSF, white, grey) may become dark, medium, bright (FLAIR).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d, uniform_filter

from brainatlas.fusion.model import Candidate, Target
from brainatlas.sampling import sample_linear

Volume = npt.NDArray[np.float32]
_LEVELS = 128
_SMOOTH_LEVELS = 2.0


def on_grid(target: Target, candidates: Sequence[Candidate]) -> tuple[npt.NDArray[np.float32], str]:
    """Return the candidates' images on the target's grid, shape (candidates, i, j, k), and what was done to them."""
    shape = (target.data.shape[0], target.data.shape[1], target.data.shape[2])
    images = np.stack([sample_linear(one.data, one.to_voxel, shape, one.offset) for one in candidates])
    images[:, ~target.mask] = 0
    other = [n for n, candidate in enumerate(candidates) if candidate.sequence != target.sequence]
    for sequence in sorted({candidates[n].sequence for n in other}):
        same = [n for n in other if candidates[n].sequence == sequence]
        images[same] = to_contrast(target, images[same])
    note = "" if not other else f"similarity after mapping {len(other)} candidates' grey levels to {target.sequence}"
    return images, note


def to_contrast(target: Target, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return `images`, shape (candidates, i, j, k), with grey levels mapped to the target's; one curve for all."""
    inside = target.mask & np.any(images != 0, axis=0)
    if not inside.any():
        return images
    levels = np.stack([_levels(image, target.mask) for image in images])
    wanted = np.broadcast_to(target.data[inside], (len(images), int(inside.sum()))).ravel()
    used = levels[:, inside].ravel()
    count = gaussian_filter1d(np.bincount(used, minlength=_LEVELS).astype(float), _SMOOTH_LEVELS)
    total = gaussian_filter1d(np.bincount(used, weights=wanted, minlength=_LEVELS), _SMOOTH_LEVELS)
    curve = np.divide(total, count, out=np.zeros(_LEVELS), where=count > 0)
    mapped = curve.astype(np.float32)[levels]
    mapped[images == 0] = 0
    return mapped


def _levels(image: Volume, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return grey levels 0 … 127 between the 0.5th and 99.5th percentile within the brain."""
    values = image[mask & (image != 0)]
    if values.size == 0:
        return np.zeros(image.shape, dtype=np.int64)
    low, high = np.percentile(values, (0.5, 99.5))
    scaled = (image - low) / max(float(high - low), 1e-6) * (_LEVELS - 1)
    return np.clip(scaled, 0, _LEVELS - 1).astype(np.int64)


def local_moments(image: Volume, size: int) -> tuple[Volume, Volume]:
    """Return mean and inverse standard deviation over cubes of `size` voxels; the inverse is 0 where nothing varies."""
    centred = image - np.float32(image.mean())  # against cancellation in E[x²] − E[x]²
    mean = uniform_filter(centred, size, mode="nearest")
    variance = uniform_filter(centred * centred, size, mode="nearest") - mean * mean
    floor = 1e-6 * float(centred.var()) + 1e-12
    inverse = np.where(variance > floor, 1 / np.sqrt(np.maximum(variance, floor)), 0)
    return (mean + np.float32(image.mean())).astype(np.float32), inverse.astype(np.float32)


def local_correlation(first: Volume, second: Volume, size: int) -> Volume:
    """Return the correlation of two images over cubes of `size` voxels, −1 to 1; 0 where one of them is flat."""
    a, b = first - np.float32(first.mean()), second - np.float32(second.mean())
    mean_a, inverse_a = local_moments(a, size)
    mean_b, inverse_b = local_moments(b, size)
    covariance = uniform_filter(a * b, size, mode="nearest") - mean_a * mean_b
    return np.clip(covariance * inverse_a * inverse_b, -1, 1).astype(np.float32)
