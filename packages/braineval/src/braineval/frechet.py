"""Two means and covariances in, the Fréchet distance of their Gaussians out, by eigenvalues.

d² = |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½) (Dowson and Landau 1982; Heusel et al. 2017 for Inception features, "FID").
The trace of the square root is the sum of the square roots of the eigenvalues of Rᵀ Σ₂ R with R Rᵀ = Σ₁, a symmetric
matrix: one Cholesky factor and one symmetric eigenproblem instead of a general matrix square root.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import linalg

from braineval.moments import Moments, RunningMoments

Features = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float64]
ROWS = 4096


def frechet_distance(first: Moments, second: Moments) -> float:
    """Return the squared Fréchet distance of two Gaussians, never below zero."""
    difference = first.mean - second.mean
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    return max(float(difference @ difference + traces - 2 * _trace_root(first.covariance, second.covariance)), 0.0)


def _trace_root(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    root = _factor(first)
    inner = root.T @ second @ root
    eigenvalues = linalg.eigh((inner + inner.T) / 2, eigvals_only=True, driver="evd", check_finite=False)
    return float(np.sqrt(np.clip(eigenvalues, 0, None)).sum())


def _factor(covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return R with R Rᵀ = covariance: Cholesky's, or by eigenvectors where a direction has no variance."""
    try:
        return np.asarray(linalg.cholesky(covariance, lower=True, check_finite=False))
    except linalg.LinAlgError:
        values, vectors = linalg.eigh(covariance, driver="evd", check_finite=False)
        # Directions without variance (fewer slices than features) come out as rounding noise of either sign.
        kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
        return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))


def feature_moments(features: Features, weights: Weights | None = None) -> Moments:
    """Return the moments of stored features, shape (n, d), each row counted `weights` times."""
    sums = RunningMoments()
    for start in range(0, len(features), ROWS):
        part = slice(start, start + ROWS)
        sums.add(features[part], None if weights is None else weights[part])
    return sums.result()


def feature_distance(
    first: Features, second: Features, weights: tuple[Weights | None, Weights | None] = (None, None)
) -> float:
    """Return the Fréchet distance between two sets of features."""
    return frechet_distance(feature_moments(first, weights[0]), feature_moments(second, weights[1]))
