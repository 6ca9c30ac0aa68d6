"""A job of the vote stage in, the scan's fused labels, confidence map, table and sidecar in OUT out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from brainatlas.fusion.candidates import load_candidate, load_target
from brainatlas.fusion.methods import load_fuser
from brainatlas.labelfile import read_names, write_labels
from brainatlas.niftifile import write_nifti
from brainatlas.record import BLOCK, Record, checksum, read_json, write_json
from brainatlas.register.job import TEMPLATE
from braincaption.errors import ScanError


@dataclass(frozen=True, kw_only=True)
class VoteJob:
    """Label one scan.

    Attributes
    ----------
    target : Record
    voters : tuple of Record
        Atlas scans, one a person.
    method : str
    scheme : str
        How the scans were registered: ``template`` or ``pairwise``.
    deformable : bool
        Whether the SyN warps are used.
    """

    target: Record
    voters: tuple[Record, ...]
    method: str
    scheme: str
    deformable: bool = False

    @property
    def identifier(self) -> str:
        """Scan id."""
        return self.target.scan_id

    @property
    def inputs_sha256(self) -> str:
        """Checksum of everything the labels are made from: a changed scan, transform or atlas is voted again."""
        parts = [self.method, self.scheme, str(self.deformable), self.target.source_sha256]
        for record in (self.target, *self.voters):
            parts += [record.scan_id, record.source_sha256, *_transforms(record, self)]
        for voter in self.voters:
            parts.append(checksum(voter.place.labels(voter.own)))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def done(self) -> bool:
        """Whether OUT holds these labels, made from the inputs as they are."""
        record = self.target.place.label_record(self.method)
        if not record.exists() or not self.target.place.labels(self.method).exists():
            return False
        return bool(read_json(record).get(BLOCK, {}).get("inputs_sha256") == self.inputs_sha256)


def _transforms(record: Record, job: VoteJob) -> list[str]:
    places = (
        [record.place.transform(TEMPLATE), record.place.warp(TEMPLATE), record.place.warp(TEMPLATE, "inverse")]
        if job.scheme == "template"
        else [
            path
            for one, other in ((record.place, job.target), (job.target.place, record))
            for path in (
                one.transform(other.scan_id),
                one.warp(other.scan_id),
                one.warp(other.scan_id, "inverse"),
            )
        ]
    )
    return [checksum(path) for path in places if path.exists()]


def do_vote(job: VoteJob) -> None:
    """Fuse the labels of one scan and write them.

    Raises
    ------
    ScanError
        A scan or transform cannot be read, or no voter has a label within the brain.
    """
    target, box, mask = load_target(job.target)
    candidates = [
        load_candidate(voter, target, job.target.place, job.scheme, warped=job.deformable) for voter in job.voters
    ]
    fused = load_fuser(job.method)(target, candidates)
    if not fused.labels.any():
        raise ScanError(f"no label fell into the brain of {job.identifier}: look at its registration")
    labels = np.zeros(mask.data.shape, dtype=np.uint16)
    labels[box] = fused.labels
    confidence = np.zeros(mask.data.shape, dtype=np.float32)
    confidence[box] = fused.confidence
    place = job.target.place
    write_nifti(place.confidence(job.method), confidence, mask.affine)
    write_json(place.confidence_record(job.method), {"SpatialReference": place.reference, "Sources": [place.reference]})
    write_labels(
        place,
        job.method,
        labels,
        mask.affine,
        names=_names(job.voters),
        record={
            "label_origin": f"vote:{job.method}",
            "label_subjects": _carried(job.voters),
            "voters": [voter.scan_id for voter in job.voters],
            "note": fused.note,
            "inputs_sha256": job.inputs_sha256,
        },
    )


def _carried(voters: tuple[Record, ...]) -> list[str]:
    """Return whose manual labels the voters bring: their own, or those that were voted into theirs before."""
    people: list[str] = []
    for voter in voters:
        block = read_json(voter.place.label_record(voter.own)).get(BLOCK, {})
        people += block.get("label_subjects", [voter.person])
    return list(dict.fromkeys(people))


def _names(voters: tuple[Record, ...]) -> dict[int, str]:
    names: dict[int, str] = {}
    for voter in voters:
        names = {**read_names(voter.place.label_names(voter.own)), **names}
    return names
