"""A volume in, grey values from 0 to 1 between its percentiles 0.5 and 99.5 out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FOREGROUND = 0.02  # of the normalised range: what is darker is no tissue
LOW, HIGH = 0.5, 99.5  # percent, over the whole volume (Wang et al.)


def normalised(data: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return `data` clipped to its percentiles 0.5 and 99.5, which become 0 and 1.

    A volume so empty that both percentiles are equal is scaled to its largest value instead.
    """
    low, high = np.percentile(data, (LOW, HIGH))
    if high <= low:
        low, high = float(data.min()), float(data.max())
    return np.asarray(np.clip((data - low) / max(high - low, 1e-12), 0.0, 1.0), dtype=np.float32)
