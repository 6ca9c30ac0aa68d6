"""Share of generated slices that show the field strength asked for, judged by a classifier trained on the real slices.

A field strength shows in grey values, bias and the noise of the air around a head; of brains alone it is harder to
tell, which the floors say: "people" is the judge's accuracy on people it has not seen, "halves" on unseen slices of
people it has seen.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.judged import Judged
from braineval.score import Score
from braineval.settings import Settings
from braineval.slices import Slices

COLUMN = "field_strength_t"


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the share of `generated` whose field strength the classifier names as asked.

    Raises
    ------
    NotDefinedError
        Fewer than two field strengths or people among the real slices, or one asked for that they lack.
    """
    return _FIELD_STRENGTH.score(real, generated, settings)


def names(slices: Slices) -> npt.NDArray[np.object_]:
    """Return what the field strength of every slice is called, such as "0.3 T"; None where it is not stated."""
    return np.array(
        [None if tesla is None else f"{float(tesla):.3g} T" for tesla in slices.column(COLUMN)], dtype=object
    )


_FIELD_STRENGTH = Judged(
    metric="field-strength-accuracy",
    names=names,
    judge="classifier of field strength",
    too_few=(
        "states {known} field strengths, wanted two or more to tell apart: give real slices of several scanners, with "
        f"the column {COLUMN}"
    ),
    remedy="score against real slices of the same field strengths",
)
