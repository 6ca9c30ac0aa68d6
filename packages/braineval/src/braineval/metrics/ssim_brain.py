"""Structural similarity of slices with the same key, inside the brain only: the black around it cannot flatter.

As `ssim`, averaged over windows whose centre lies in the real slice's brain (grey above zero, small holes closed).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval import structural
from braineval.paired import paired_score
from braineval.score import NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Images, Slices
from braineval.tensors import as_float64, as_grey


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean SSIM over pairs, inside the brain."""
    if min(real.shape) < structural.WINDOW:
        raise NotDefinedError(
            f"SSIM wants at least {structural.WINDOW} pixels a side, these slices have {min(real.shape)}: render larger"
        )
    return paired_score("ssim-brain", _similarity, real, generated, settings, "grey / 255, no resizing, brain only")


def _similarity(first: Images, second: Images) -> npt.NDArray[np.float64]:
    a, b = as_grey(first), as_grey(second)
    return as_float64(structural.ssim(a, b, structural.brain_mask(a)))
