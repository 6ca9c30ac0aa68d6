"""Multi-scale structural similarity of slices with the same key, inside the brain only: 1 is identical.

As `ms-ssim`, averaged at every scale over windows whose centre lies in the real slice's brain.
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
    """Return the mean MS-SSIM over pairs, inside the brain."""
    check_side(real, "ssim-brain")
    return paired_score("ms-ssim-brain", _similarity, real, generated, settings, "grey / 255, no resizing, brain only")


def _similarity(first: Images, second: Images) -> npt.NDArray[np.float64]:
    a, b = as_grey(first), as_grey(second)
    return as_float64(structural.ms_ssim(a, b, structural.brain_mask(a)))
