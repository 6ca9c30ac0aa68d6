"""Normalised cross-correlation between the contrasts of one prompt, between two real bounds (Kim et al.).

Over whole pictures, as theirs. The floors are bounds: real slices of one person and place in two contrasts (halves),
and of two contrasts at random (people).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.contrasts import contrast_score
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Images, Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean over pairs of two contrasts of one prompt."""
    return contrast_score("ncc-contrasts", correlation, real, generated, settings, "whole pictures, no resizing")


def correlation(first: Images, second: Images) -> npt.NDArray[np.float64]:
    """Return Pearson's r of all pixels of each pair, shape (n,); not a number where a slice does not vary."""
    sides = [side.reshape(len(side), -1).astype(np.float64) for side in (first, second)]
    one, two = (side - side.mean(axis=1, keepdims=True) for side in sides)
    with np.errstate(invalid="ignore"):
        return np.asarray((one * two).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1)))
