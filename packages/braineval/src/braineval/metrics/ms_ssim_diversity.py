"""Mean multi-scale structural similarity of random pairs of generated slices: lower is more diverse.

400 pairs of one plane and sequence. Not a quality: noise is diverse. Beside it the same number of the real slices.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.diversity import diversity_score
from braineval.multiscale import check_side
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Images, Slices
from braineval.structural import ms_ssim
from braineval.tensors import as_float64, as_grey


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean MS-SSIM between generated slices."""
    check_side(generated, "ssim-diversity")
    return diversity_score("ms-ssim-diversity", _similarity, real, generated, settings)


def _similarity(first: Images, second: Images) -> npt.NDArray[np.float64]:
    return as_float64(ms_ssim(as_grey(first), as_grey(second)))
