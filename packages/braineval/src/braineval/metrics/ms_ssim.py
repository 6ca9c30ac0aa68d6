"""Multi-scale structural similarity of slices with the same key (reconstruction): 1 is identical.

Five scales, sides of more than 160 pixels; smaller slices are refused, `ssim` is the metric for them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval import structural
from braineval.multiscale import check_side
from braineval.paired import paired_score
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Images, Slices
from braineval.tensors import as_float64, as_grey


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean MS-SSIM over pairs."""
    check_side(real, "ssim")
    return paired_score("ms-ssim", _similarity, real, generated, settings, "grey / 255, no resizing, whole slice")


def _similarity(first: Images, second: Images) -> npt.NDArray[np.float64]:
    return as_float64(structural.ms_ssim(as_grey(first), as_grey(second)))
