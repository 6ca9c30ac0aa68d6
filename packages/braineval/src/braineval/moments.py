"""Batches of features in, mean and covariance in float64 by running sums out: one pass, constant memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean, shape (d,), and covariance, shape (d, d), of `count` features (divisor: count - 1)."""

    count: float
    mean: Array
    covariance: Array


class RunningMoments:
    """Sums that grow by one batch at a time.

    Sums are taken about the first batch's mean: the covariance then does not lose digits to a large common offset.

    Examples
    --------
    >>> sums = RunningMoments()
    >>> for batch in (np.array([[0.0], [2.0]]), np.array([[4.0]])):
    ...     sums.add(batch)
    >>> float(sums.result().mean[0]), float(sums.result().covariance[0, 0])
    (2.0, 4.0)
    """

    def __init__(self) -> None:
        self.count = 0.0
        self._origin: Array = np.zeros(0)
        self._sum: Array = np.zeros(0)
        self._products: Array = np.zeros((0, 0))

    def add(self, features: npt.NDArray[np.floating], weights: Array | None = None) -> None:
        """Add a batch, shape (n, d), each row `weights` times."""
        values = np.asarray(features, dtype=np.float64)
        if not self._origin.size:
            self._origin = values.mean(axis=0)
            self._sum = np.zeros(values.shape[1])
            self._products = np.zeros((values.shape[1], values.shape[1]))
        centred = values - self._origin
        weighted = centred if weights is None else centred * weights[:, None]
        self.count += len(values) if weights is None else float(weights.sum())
        self._sum += weighted.sum(axis=0)
        self._products += weighted.T @ centred

    def result(self) -> Moments:
        """Return mean and covariance of everything added."""
        shift = self._sum / self.count
        covariance = (self._products - self.count * np.outer(shift, shift)) / max(self.count - 1, 1)
        return Moments(count=self.count, mean=self._origin + shift, covariance=covariance)


def moments(batches: Iterable[npt.NDArray[np.floating]]) -> Moments:
    """Return the moments of all `batches`, each of shape (n, d)."""
    sums = RunningMoments()
    for batch in batches:
        sums.add(batch)
    return sums.result()
