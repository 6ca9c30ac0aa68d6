"""Slices in, an order that gives each the caption of another slice of the same plane and position out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.slices import Slices

BAND_MM = 6.0


def exchanged(slices: Slices, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Return a random order that exchanges slices only within a plane and a band of positions, shape (n,)."""
    position = np.array([np.nan if p is None else float(p) for p in slices.column("position_mm")])
    bands = np.array([f"{p}{b}" for p, b in zip(slices.column("plane"), np.floor(position / BAND_MM), strict=True)])
    order = np.arange(len(slices))
    for band in np.unique(bands):
        members = np.flatnonzero(bands == band)
        order[members] = rng.permutation(members)
    return order
