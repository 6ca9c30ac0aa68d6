"""Structural similarity of slices with the same key: 1 is identical.

Gaussian window of 11 pixels, σ 1.5, grey values in [0, 1]. For reconstructions: both folders hold the same slice keys.
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
    """Return the mean SSIM over pairs; refused below 11 pixels a side."""
    if min(real.shape) < structural.WINDOW:
        raise NotDefinedError(
            f"SSIM wants at least {structural.WINDOW} pixels a side, these slices have {min(real.shape)}: render larger"
        )
    return paired_score("ssim", similarity, real, generated, settings, "grey / 255, no resizing, whole slice")


def similarity(first: Images, second: Images) -> npt.NDArray[np.float64]:
    return as_float64(structural.ssim(as_grey(first), as_grey(second)))
