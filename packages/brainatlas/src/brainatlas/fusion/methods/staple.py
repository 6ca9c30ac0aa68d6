"""Candidates in, labels by STAPLE out: each candidate counts by how often it proves right (Warfield et al. 2004).

SimpleITK's multi-label STAPLE (doi:10.1109/TMI.2004.828354; Rohlfing et al. 2004 for several labels) estimates a
confusion matrix for every candidate from the candidates alone; the scan's intensities are not used. Only voxels on
which the candidates differ enter: the others, mostly background, would make everyone look reliable and take most of
the time (Rohlfing et al. 2004, doi:10.1109/TMI.2004.830803).
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
    stack = np.stack(coded)
    where = target.mask & np.any(stack != stack[0], axis=0)  # elsewhere all say the same
    if not where.any():
        return plain
    images = [sitk.GetImageFromArray(codes[where][None].astype(np.uint16)) for codes in stack]
    staple = sitk.MultiLabelSTAPLEImageFilter()
    staple.SetMaximumNumberOfIterations(_MOST_ITERATIONS)
    staple.SetLabelForUndecidedPixels(int(table.size))
    staple.SetNumberOfThreads(1)
    staple.SetNumberOfWorkUnits(1)  # sums in one order: equal bits
    codes = sitk.GetArrayFromImage(staple.Execute(images))[0].astype(np.int64)
    undecided = codes >= table.size
    labels = plain.labels.copy()
    labels[where] = np.where(undecided, labels[where], table[np.where(undecided, 0, codes)])
    return Fused(labels=labels, confidence=plain.confidence)
