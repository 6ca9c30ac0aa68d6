"""What a fuser works on and gives back: the scan to label, the labelled scans that vote, the labels they agree on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from brainatlas.geometry import Matrix
from brainatlas.sampling import no_offset


@dataclass(frozen=True, kw_only=True)
class Target:
    """The scan to be labelled, cropped to its brain.

    Attributes
    ----------
    data : ndarray of float32, shape (i, j, k)
    mask : ndarray of bool, shape (i, j, k)
        Where labels are wanted; everything else becomes 0.
    affine : ndarray, shape (4, 4)
        Voxel → world RAS, mm.
    sequence : str
        BIDS suffix; where a candidate's differs, similarity must survive the change of contrast.
    """

    data: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    affine: Matrix
    sequence: str = "T1w"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A labelled scan that votes.

    Attributes
    ----------
    data : ndarray of float32, shape (a, b, c)
        Stripped intensities.
    labels : ndarray of uint16, shape (a, b, c)
    to_voxel : ndarray, shape (4, 4)
        Voxel of the target → voxel of this scan: the one resampling.
    offset : ndarray of float32, shape (i, j, k, 3)
        What a warp adds to that at every voxel of the target; shape (0, 0, 0, 3) without one.
    sequence : str
    person : str
        Whose labels are carried.
    """

    data: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint16]
    to_voxel: Matrix
    offset: npt.NDArray[np.float32] = field(default_factory=no_offset)
    sequence: str = "T1w"
    person: str = ""


@dataclass(frozen=True, kw_only=True)
class Fused:
    """What the candidates agree on.

    Attributes
    ----------
    labels : ndarray of uint16, shape of the target
    confidence : ndarray of float32, shape of the target
        Share of the votes (or probability) that the winning label has, 0 to 1; 0 outside the mask.
    note : str
        What the method did otherwise than asked, and why; empty when nothing.
    """

    labels: npt.NDArray[np.uint16]
    confidence: npt.NDArray[np.float32]
    note: str = ""
