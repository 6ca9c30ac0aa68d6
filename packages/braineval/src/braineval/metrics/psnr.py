"""Peak signal-to-noise ratio of slices with the same key, dB: higher is better.

10·log₁₀(1 / mean squared error) with grey values in [0, 1], the mean over pairs of each pair's PSNR.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.paired import paired_score
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Images, Slices

# Pairs of equal 8-bit slices would score infinity; half a grey level, the rounding of 8 bits, is the best one can say.
SMALLEST_ERROR = (0.5 / 255) ** 2 / 3


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean PSNR over pairs."""
    said = "grey / 255, no resizing, whole slice; at best 58.9 dB, the rounding error of 8 bits"
    return paired_score("psnr", ratio, real, generated, settings, said)


def ratio(first: Images, second: Images) -> npt.NDArray[np.float64]:
    """Return the PSNR of each pair, dB, shape (n,)."""
    difference = (first.astype(np.float64) - second.astype(np.float64)) / 255
    error = np.maximum((difference**2).mean(axis=(1, 2)), SMALLEST_ERROR)
    return np.asarray(-10 * np.log10(error))
