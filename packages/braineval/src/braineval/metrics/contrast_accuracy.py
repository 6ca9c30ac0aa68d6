"""Share of generated slices that show the contrast asked for, judged by a classifier trained on the real slices.

The classifier is trained on REAL's training people and checked on people it has not seen: that accuracy is the floor
"people" and stands in the protocol; "halves" is its accuracy on unseen slices of people it has seen.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.judged import Judged
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the share of `generated` whose sequence the classifier names as asked.

    Raises
    ------
    NotDefinedError
        Fewer than two contrasts or people among the real slices, or a contrast asked for that they lack.
    """
    return _CONTRAST.score(real, generated, settings)


def names(slices: Slices) -> npt.NDArray[np.object_]:
    """Return the sequence of every slice; None where it is not stated."""
    return slices.column("sequence")


_CONTRAST = Judged(
    metric="contrast-accuracy",
    names=names,
    judge="classifier",
    too_few="holds {known} contrasts, wanted two or more to tell apart: render several sequences",
    remedy="score against real slices of the same sequences",
)
