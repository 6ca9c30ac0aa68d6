"""Normalised mutual information of slices with the same key: 2I / (H₁ + H₂), in [0, 1], 1 is a bijection of greys.

64 equal bins over 0–255, pixels where either slice is above zero. scikit-image's (H₁ + H₂) / H₁₂ in [1, 2] is another
definition: ours = 2 - 2 / theirs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.paired import paired_score
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Images, Slices

BINS = 64


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean NMI over pairs."""
    said = f"{BINS} bins over 0–255, pixels where either slice is above zero, no resizing"
    return paired_score("nmi", information, real, generated, settings, said)


def information(first: Images, second: Images) -> npt.NDArray[np.float64]:
    """Return 2I / (H₁ + H₂) of each pair, shape (n,); not a number where neither slice varies."""
    return np.array([_seen(a, b) for a, b in zip(first, second, strict=True)])


def _seen(first: Images, second: Images) -> float:
    seen = (first | second) > 0
    return normalised(first[seen], second[seen])


def normalised(first: Images, second: Images, bins: int = BINS) -> float:
    """Return 2I / (H₁ + H₂) of two equally long lists of 8-bit greys."""
    if not first.size:
        return float("nan")
    codes = (first.astype(np.int64) * bins // 256) * bins + second.astype(np.int64) * bins // 256
    joint = np.bincount(codes.ravel(), minlength=bins * bins).reshape(bins, bins) / first.size
    one, two, both = _entropy(joint.sum(axis=1)), _entropy(joint.sum(axis=0)), _entropy(joint.ravel())
    return 2 * (one + two - both) / (one + two) if one + two > 0 else float("nan")


def _entropy(probability: npt.NDArray[np.float64]) -> float:
    seen = probability[probability > 0]
    return float(-(seen * np.log(seen)).sum())
