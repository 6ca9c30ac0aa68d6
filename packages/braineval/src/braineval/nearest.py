"""Query slices and a pool in, each query's nearest slice of the pool out, whatever its brightness or a small shift.

Candidates are the nearest in feature space and in the size of their coarse Fourier coefficients, which shifting does
not change; among them the distance is 1 - the largest normalised cross-correlation over shifts, at 64 × 64, smoothed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from braineval.manifold import squared_distances
from braineval.network import SIDE, to_side
from braineval.slices import Slices
from braineval.tensors import as_grey

Float = npt.NDArray[np.float32]
CANDIDATES = 16
COARSE = 8  # Fourier coefficients along each half axis
LARGEST_SHIFT = 4  # pixels of 64, either way
ROWS = 256


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Slices prepared for comparison.

    Attributes
    ----------
    pictures : ndarray, shape (n, 64, 64)
        Zero mean, unit length.
    coarse : ndarray, shape (n, 128)
        Magnitudes of the lowest Fourier coefficients.
    features : ndarray, shape (n, d)
    """

    pictures: Float
    coarse: Float
    features: Float

    def __len__(self) -> int:
        return len(self.pictures)

    def select(self, indices: npt.NDArray[np.generic]) -> Looks:
        """Return those at `indices`."""
        return Looks(pictures=self.pictures[indices], coarse=self.coarse[indices], features=self.features[indices])


def looks(slices: Slices, features: Float, batch: int) -> Looks:
    """Prepare `slices`, whose features are given."""
    parts = [_softened(to_side(as_grey(images))) for images in slices.batches(batch)]
    pictures = torch.cat(parts)  # (n, 1, 64, 64)
    united = _unit(pictures)[:, 0]
    spectra = np.abs(np.fft.rfft2(united))
    lowest = np.concatenate([spectra[:, :COARSE, :COARSE], spectra[:, -COARSE:, :COARSE]], axis=1)
    return Looks(pictures=united, coarse=lowest.reshape(len(lowest), -1).astype(np.float32), features=features)


def nearest(
    queries: Looks, pool: Looks, apart: npt.NDArray[np.bool_] | None = None
) -> tuple[Float, npt.NDArray[np.intp]]:
    """Return the distance to and the position of the nearest slice of `pool`, shape (n,) each.

    Parameters
    ----------
    queries, pool : Looks
    apart : ndarray of bool, shape (n, m), optional
        Pairs that do not count (a slice and itself).
    """
    distances, places = [], []
    for start in range(0, len(queries), ROWS):
        rows = np.arange(start, min(start + ROWS, len(queries)))
        part = queries.select(rows)
        candidates = _candidates(part, pool, None if apart is None else apart[rows])
        similarity = _correlation(part.pictures, pool.pictures, candidates)
        if apart is not None:
            similarity[np.take_along_axis(apart[rows], candidates, axis=1)] = -1
        best = similarity.argmax(axis=1)
        distances.append(1 - similarity[np.arange(len(rows)), best])
        places.append(candidates[np.arange(len(rows)), best])
    return np.concatenate(distances).astype(np.float32), np.concatenate(places)


def _candidates(queries: Looks, pool: Looks, apart: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.intp]:
    count = min(CANDIDATES, len(pool) - 1)
    found = []
    for first, second in ((queries.features, pool.features), (queries.coarse, pool.coarse)):
        distance = squared_distances(first, second)
        if apart is not None:
            distance[apart] = np.inf
        found.append(np.argpartition(distance, count, axis=1)[:, : count + 1])
    return np.concatenate(found, axis=1)


def _correlation(queries: Float, pool: Float, candidates: npt.NDArray[np.intp]) -> Float:
    """Return the largest normalised cross-correlation over shifts, shape (n, candidates)."""
    spectra = np.fft.rfft2(queries)
    window = np.r_[0 : LARGEST_SHIFT + 1, SIDE - LARGEST_SHIFT : SIDE]
    best = np.empty(candidates.shape, dtype=np.float32)
    for column in range(candidates.shape[1]):
        product = np.fft.irfft2(spectra * np.conj(np.fft.rfft2(pool[candidates[:, column]])), s=(SIDE, SIDE))
        best[:, column] = product[:, window[:, None], window[None]].max(axis=(1, 2))
    return best


def _softened(images: torch.Tensor) -> torch.Tensor:
    # Generated slices are often softer than real ones, and soft pictures are more alike: bring all to one softness.
    for _ in range(2):
        images = torch.nn.functional.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
    return images


def _unit(images: torch.Tensor) -> Float:
    centred = images - images.mean(dim=(1, 2, 3), keepdim=True)
    length = centred.flatten(1).norm(dim=1).clamp(min=1e-6).view(-1, 1, 1, 1)
    return np.asarray((centred / length).numpy(), dtype=np.float32)
