"""Features with classes in, a linear classifier of a few examples out: what a small training set is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class FewShotSettings:
    """How the gain is measured.

    Attributes
    ----------
    shots : tuple of int
        Slices a contrast that are tried; the first that leaves accuracy in `band` is taken.
    band : tuple of float
        Accuracy without synthetic slices: below it nothing is learned, above it nothing is left to gain.
    draws : int
        Paired draws of the few slices.
    pilots : int
        Draws, of their own, that decide the number of shots.
    added : int
        Slices added a contrast, at most.
    ridge : float
        Weight of the penalty, per example.
    """

    shots: tuple[int, ...] = (1, 2, 3, 5, 8, 12, 20, 40)
    band: tuple[float, float] = (0.50, 0.85)
    draws: int = 20
    pilots: int = 8
    added: int = 50
    ridge: float = 0.1


def predicted(train: Features, labels: Labels, test: Features, ridge: float) -> Labels:
    """Return the classes of `test` by ridge regression on one-hot classes, each class counted alike.

    Parameters
    ----------
    train : ndarray, shape (n, d)
    labels : ndarray of int, shape (n,)
    test : ndarray, shape (m, d)
    ridge : float

    Examples
    --------
    >>> train, labels = np.array([[0.0], [1.0]]), np.array([0, 1])
    >>> predicted(train, labels, np.array([[0.1], [0.9]]), 0.1)
    array([0, 1])
    """
    weights = (1.0 / np.bincount(labels).clip(min=1))[labels]
    weights /= weights.sum()
    mean = weights @ train
    spread = np.sqrt(weights @ (train - mean) ** 2) + 1e-3
    scaled, wanted = (train - mean) / spread, np.eye(int(labels.max()) + 1)[labels]
    centre = weights @ wanted
    # As many unknowns as examples, not as features: there are a few examples only.
    root = np.sqrt(weights)[:, None]
    inner = root * scaled
    kernel = inner @ inner.T / train.shape[1]
    dual = np.linalg.solve(kernel + ridge / len(train) * np.eye(len(train)), root * (wanted - centre))
    scores = centre + ((test - mean) / spread) @ (inner.T @ dual) / train.shape[1]
    return np.asarray(scores.argmax(axis=1), dtype=np.intp)


def draw_evenly(labels: Labels, count: int, rng: np.random.Generator) -> Labels:
    """Return positions of `count` random examples of every class, fewer where a class has fewer."""
    return np.concatenate([rng.permutation(np.flatnonzero(labels == one))[:count] for one in np.unique(labels)])
