"""One held-out scan, its voters and a fuser in, agreement with the true labels, seconds and memory out."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brainatlas.fusion.candidates import choose_voters, load_candidate, load_target
from brainatlas.fusion.methods import load_fuser
from brainatlas.record import Record, checksum, read_json, write_json
from brainatlas.register.syn import AFFINE
from brainatlas.validation.overlap import Agreement, agreement, merge_parcels, renumber
from braincaption.nifti import load_labels


@dataclass(frozen=True, kw_only=True)
class Numbering:
    """What is done to every label map, the true one included, before it votes or is compared.

    Attributes
    ----------
    merge : bool
        Merge FreeSurfer's cortical parcels, 1000–2999, into 3 and 42.
    renumber : tuple of (int, int)
        Labels to be called otherwise.
    structures : tuple of int
        Labels that are scored; empty: all.
    """

    merge: bool = False
    renumber: tuple[tuple[int, int], ...] = ()
    structures: tuple[int, ...] = ()

    def apply(self, labels: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
        """Return `labels` under these numbers."""
        named = renumber(labels, dict(self.renumber)) if self.renumber else labels
        return merge_parcels(named) if self.merge else named


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Label `target` by `voters` as if nobody knew its labels.

    Attributes
    ----------
    target : Record
    voters : tuple of Record
    scheme, transform, method : str
    numbering : Numbering
    result : Path
        Where the outcome is kept; a trial whose inputs are unchanged is not run again.
    """

    target: Record
    voters: tuple[Record, ...]
    scheme: str
    transform: str
    method: str
    numbering: Numbering
    result: Path

    @property
    def inputs_sha256(self) -> str:
        """Checksum of scans, labels and transforms the outcome depends on."""
        parts = [self.scheme, self.transform, self.method, repr(self.numbering)]
        for record in (self.target, *self.voters):
            parts += [record.scan_id, record.source_sha256, checksum(record.place.labels(record.own))]
            parts += [checksum(path) for path in sorted(record.place.folder.glob(f"{record.place.stem}_from-*_xfm.*"))]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def done(self) -> bool:
        """Whether the outcome of these very inputs is kept."""
        return self.result.exists() and read_json(self.result).get("inputs_sha256") == self.inputs_sha256


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a trial found.

    Attributes
    ----------
    scan_id, scheme, transform, method : str
    rows : tuple of Agreement
    seconds : float
        Reading, resampling and fusing, wall clock, one thread.
    memory_mb : float
        Largest resident memory of the process so far.
    note : str
        What the fuser did otherwise than asked.
    """

    scan_id: str
    scheme: str
    transform: str
    method: str
    rows: tuple[Agreement, ...]
    seconds: float
    memory_mb: float
    note: str = ""


def run_trial(trial: Trial) -> Outcome:
    """Run one trial and keep its outcome as JSON."""
    start = time.perf_counter()
    target, box, mask = load_target(trial.target)
    chosen = choose_voters(trial.target, trial.voters)
    warped = trial.transform != AFFINE
    loaded = (load_candidate(voter, target, trial.target.place, trial.scheme, warped=warped) for voter in chosen)
    candidates = [replace(candidate, labels=trial.numbering.apply(candidate.labels)) for candidate in loaded]
    fused = load_fuser(trial.method)(target, candidates)
    seconds = time.perf_counter() - start
    found = np.zeros(mask.data.shape, dtype=np.uint16)
    found[box] = fused.labels
    true = load_labels(trial.target.place.labels(trial.target.own))
    known = trial.numbering.apply(np.asarray(true.data, dtype=np.uint16))
    wanted = tuple(n for n in trial.numbering.structures if np.any(known == n)) or None
    outcome = Outcome(
        scan_id=trial.target.scan_id,
        scheme=trial.scheme,
        transform=trial.transform,
        method=trial.method,
        rows=tuple(agreement(found, known, true.affine, structures=wanted, distances=True)),
        seconds=round(seconds, 2),
        memory_mb=round(_peak_mb(), 0),
        note=fused.note,
    )
    write_json(trial.result, {"inputs_sha256": trial.inputs_sha256, **asdict(outcome)})
    return outcome


def read_outcome(path: Path) -> Outcome:
    """Read the outcome of a trial."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored.pop("inputs_sha256")
    return Outcome(**{**stored, "rows": tuple(Agreement(**row) for row in stored["rows"])})


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
