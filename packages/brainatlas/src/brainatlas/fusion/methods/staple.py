"""Candidates in, labels by STAPLE out: each candidate counts by how often it proves right (Warfield et al. 2004).

SimpleITK's multi-label STAPLE (doi:10.1109/TMI.2004.828354; Rohlfing et al. 2004 for several labels) estimates a
confusion matrix for every candidate from the candidates alone; the scan's intensities are not used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainatlas.fusion.ballot import encode
from brainatlas.fusion.methods import majority
from brainatlas.fusion.model import Candidate, Fused, Target
from brainatlas.sampling import sample_nearest

_MOST_ITERATIONS = 20


def fuse(target: Target, candidates: Sequence[Candidate]) -> Fused:
    """Return STAPLE's labels; voxels it leaves undecided take the majority's, which also gives the confidence."""
    import SimpleITK as sitk

    shape = (target.data.shape[0], target.data.shape[1], target.data.shape[2])
    table, coded = encode([sample_nearest(one.labels, one.to_voxel, shape, one.offset) for one in candidates])
    plain = majority.fuse(target, candidates)
    if len(candidates) < 2:
        return Fused(labels=plain.labels, confidence=plain.confidence, note="one candidate: STAPLE needs two")
    images = [sitk.GetImageFromArray(np.where(target.mask, codes, 0).astype(np.uint16)) for codes in coded]
    staple = sitk.MultiLabelSTAPLEImageFilter()
    staple.SetMaximumNumberOfIterations(_MOST_ITERATIONS)
    staple.SetLabelForUndecidedPixels(int(table.size))
    staple.SetNumberOfThreads(1)
    staple.SetNumberOfWorkUnits(1)  # sums in one order: equal bits
    codes = sitk.GetArrayFromImage(staple.Execute(images)).astype(np.int64)
    undecided = codes >= table.size
    labels = np.where(undecided, plain.labels, table[np.where(undecided, 0, codes)])
    return Fused(labels=np.where(target.mask, labels, 0).astype(np.uint16), confidence=plain.confidence)
