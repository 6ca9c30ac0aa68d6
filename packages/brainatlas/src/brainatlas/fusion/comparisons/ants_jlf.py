"""Candidates in, labels by ANTs' own joint label fusion out: what this package's is compared with.

Wang and Yushkevich 2013, doi:10.3389/fninf.2013.00027. ANTs' defaults: patches of 5³ voxels, search ± 3, β 4. With
eleven atlases that takes more than a quarter of an hour of one core a scan; `ants_jlf_search1` looks as near as ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainatlas.engine import load_ants, scratch, to_ants
from brainatlas.fusion.ballot import encode
from brainatlas.fusion.methods import majority
from brainatlas.fusion.methods.jlf import disputed
from brainatlas.fusion.model import Candidate, Fused, Target
from brainatlas.fusion.similarity import on_grid
from brainatlas.sampling import sample_nearest

_SEARCH = 3


def fuse(target: Target, candidates: Sequence[Candidate]) -> Fused:
    """Return ANTs' labels where the candidates differ, and what they agree on elsewhere."""
    return fuse_within(target, candidates, _SEARCH)


def fuse_within(target: Target, candidates: Sequence[Candidate], search: int) -> Fused:
    """Return ANTs' labels, every patch of a candidate looked for within `search` voxels."""
    shape = (target.data.shape[0], target.data.shape[1], target.data.shape[2])
    plain = majority.fuse(target, candidates)
    images, note = on_grid(target, candidates)
    table, coded = encode([sample_nearest(one.labels, one.to_voxel, shape, one.offset) for one in candidates])
    where = disputed(target, candidates)
    with scratch() as folder:
        found = load_ants().joint_label_fusion(
            to_ants(target.data, target.affine),
            to_ants(where, target.affine),
            [to_ants(image, target.affine) for image in images],
            label_list=[to_ants(codes + 1, target.affine) for codes in coded],  # 0 would be no label at all
            output_prefix=str(folder / "jlf_"),
            r_search=search,
        )
    fused = np.rint(found["segmentation"].numpy()).astype(np.int64) - 1
    known = where & (fused >= 0)
    labels = np.where(known, table[np.where(known, fused, 0)], plain.labels)
    return Fused(labels=labels.astype(np.uint16), confidence=plain.confidence, note=note)
