"""Records of OUT in, the cropped target and the atlas scans that vote for it out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from brainatlas.fusion.model import Candidate, Target
from brainatlas.geometry import bounding_box, crop_affine
from brainatlas.layout import Place
from brainatlas.record import Record
from brainatlas.register.maps import way_between
from braincaption.errors import ScanError
from braincaption.nifti import Volume, load_image, load_labels

Box = tuple[slice, slice, slice]
_MARGIN = 4  # voxels around the brain, so that patches and searches stay inside


def choose_voters(target: Record, atlas: Sequence[Record]) -> list[Record]:
    """Return one scan of every atlas person: of the target's contrast where there is one, else T1w, else the first.

    Several scans of one person would give that person several votes. The target itself never votes.
    """
    by_person: dict[str, list[Record]] = {}
    for record in atlas:
        if record.scan_id != target.scan_id:
            by_person.setdefault(record.person, []).append(record)

    def fit(record: Record) -> tuple[bool, bool, bytes]:
        suffix = record.place.suffix
        return (suffix != target.place.suffix, suffix != "T1w", record.scan_id.encode())

    return [min(by_person[person], key=fit) for person in sorted(by_person)]


def load_target(record: Record) -> tuple[Target, Box, Volume]:
    """Read a stripped scan of OUT, cropped to its brain; also the box it was cut from, and the whole mask."""
    image, mask = load_image(record.place.brain), load_labels(record.place.mask)
    box = bounding_box(mask.data, _MARGIN)
    target = Target(
        data=np.ascontiguousarray(image.data[box], dtype=np.float32),
        mask=np.ascontiguousarray(mask.data[box].astype(bool)),
        affine=crop_affine(image.affine, box),
        sequence=record.place.suffix,
    )
    return target, box, mask


def load_candidate(
    record: Record, target: Target, target_place: Place, scheme: str, *, warped: bool = False
) -> Candidate:
    """Read an atlas scan of OUT and the map from the target's voxels to its own."""
    data, labels, affine = _atlas_scan(record.place, record.own)
    way = way_between(target_place, record.place, scheme, warped=warped)
    to_voxel = np.asarray(np.linalg.inv(affine), dtype=np.float64)
    shape = (target.data.shape[0], target.data.shape[1], target.data.shape[2])
    return Candidate(
        data=data,
        labels=labels,
        to_voxel=np.asarray(to_voxel @ way.matrix @ target.affine),
        offset=way.offsets(target.affine, shape, to_voxel),
        sequence=record.place.suffix,
        person=record.person,
    )


@lru_cache(maxsize=32)
def _atlas_scan(
    place: Place, own: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint16], npt.NDArray[np.float64]]:
    # Cached: every target of a batch is voted for by the same atlas scans. Cropped: 32 of them fit in memory.
    image, labels = load_image(place.brain), load_labels(place.labels(own))
    if image.data.shape != labels.data.shape:
        raise ScanError(f"{labels.path} and {image.path} differ in shape: delete both and run register again")
    box = bounding_box(labels.data.astype(bool) | image.data.astype(bool), 1)
    return (
        np.ascontiguousarray(image.data[box], dtype=np.float32),
        np.ascontiguousarray(labels.data[box], dtype=np.uint16),
        crop_affine(image.affine, box),
    )
