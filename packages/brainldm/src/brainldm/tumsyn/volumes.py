"""Scans of a cohort in; normalised volumes on disk, cut to the head and opened without reading them, out.

Where the network is shown scans without their bias field, each volume is there twice: as acquired, which is the answer
to learn, and corrected, which is what it is learned from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import torch

from braincaption.atomic import atomic_folder
from braincaption.errors import ScanError, UsageError
from braincaption.nifti import Volume, load_image, same_grid
from braincaption.progress import track
from brainldm.tumsyn.bias import corrected
from brainldm.tumsyn.cohort import Cohort, Scan
from brainldm.tumsyn.facts import Facts
from brainldm.tumsyn.intensity import FOREGROUND, normalised

_INDEX = "index.json"
_LAYOUT = 2  # of the store: what an earlier version wrote is written anew


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One volume of the store: float16 from 0 to 1, axes right, anterior, superior."""

    file: Path
    shown_file: Path  # what a network is shown of it; `file` itself where nothing is corrected
    name: str
    person: str
    session: str
    facts: Facts

    def open(self) -> npt.NDArray[np.float16]:
        """Return the voxels as acquired, without reading them yet."""
        return _mapped(self.file, self.file.stat().st_mtime_ns)

    def shown(self) -> npt.NDArray[np.float16]:
        """Return the voxels as a network is shown them, without reading them yet."""
        return _mapped(self.shown_file, self.shown_file.stat().st_mtime_ns)


@lru_cache(maxsize=4096)  # reading a file's header takes longer than cutting a patch; a process may map some 65,000
def _mapped(file: Path, written_ns: int) -> npt.NDArray[np.float16]:  # a store made anew is opened anew
    return np.load(file, mmap_mode="r")


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """The store: volumes in the order of their names, what was broken, and a fingerprint of all that went in."""

    stored: tuple[Stored, ...]
    broken: tuple[tuple[str, str], ...]
    fingerprint: str

    @property
    def contrasts(self) -> tuple[str, ...]:
        """BIDS suffixes, sorted."""
        return tuple(sorted({str(one.facts.contrast) for one in self.stored}))

    @property
    def makers(self) -> tuple[str, ...]:
        """Makers of scanners, sorted."""
        return tuple(sorted({one.facts.maker for one in self.stored if one.facts.maker}))

    @property
    def sessions(self) -> tuple[tuple[Stored, ...], ...]:
        """Sessions with two scans or more."""
        names = sorted({one.session for one in self.stored})
        groups = (tuple(one for one in self.stored if one.session == name) for name in names)
        return tuple(group for group in groups if len(group) > 1)


def stored_volumes(cohort: Cohort, side: str, folder: Path, *, bias_corrected: bool = False) -> Volumes:
    """Return the volumes of one side, normalised and written where `folder` does not hold them yet.

    With `bias_corrected` what is shown of them is corrected (`brainldm.tumsyn.bias`), on as many threads as torch has.

    The scans of a session must lie on one grid, as co-registration leaves them; those that do not lie on the one that
    most of the session's scans have are among the broken ones.

    Raises
    ------
    UsageError
        No session has two scans that can be used.
    """
    scans = [scan for scan in cohort.scans if scan.side == side]
    fingerprint = _fingerprint(scans, bias_corrected)
    if not (folder / _INDEX).is_file() or _index(folder)["fingerprint"] != fingerprint:
        _write(scans, fingerprint, folder, bias_corrected)
    document = _index(folder)
    stored = tuple(_stored(folder, row) for row in document["stored"])
    volumes = Volumes(stored=stored, broken=tuple(map(tuple, document["broken"])), fingerprint=fingerprint)
    if not volumes.sessions:
        first = f" ({volumes.broken[0][1]})" if volumes.broken else ""
        raise UsageError(f"no session of {side} has two contrasts on one grid{first}: co-register the scans")
    return volumes


def canonical(data: npt.NDArray[Any], affine: npt.NDArray[np.float64]) -> nib.Nifti1Image:
    """Return a volume with its axes turned to right, anterior, superior; nothing is resampled."""
    return nib.as_closest_canonical(nib.Nifti1Image(np.asarray(data, dtype=np.float32), affine))


def _write(scans: list[Scan], fingerprint: str, folder: Path, bias_corrected: bool) -> None:
    broken: list[tuple[str, str]] = []
    rows: list[dict[str, Any]] = []
    sessions = sorted({scan.session for scan in scans})
    with atomic_folder(folder) as aside:
        for session in track(sessions, "Normalising volumes"):
            for scan, voxels, zooms in _session([scan for scan in scans if scan.session == session], broken):
                file = f"{len(rows):06d}.npy"
                np.save(aside / file, voxels)
                facts = asdict(replace(scan.facts, zooms=zooms))
                rows.append({"file": file, "shown": file, "name": scan.name, "person": scan.person,
                             "session": scan.session, "facts": facts})  # fmt: skip
        if bias_corrected:
            _correct(rows, aside)
        document = {"fingerprint": fingerprint, "stored": rows, "broken": broken}
        (aside / _INDEX).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _correct(rows: list[dict[str, Any]], folder: Path) -> None:
    """Write every volume of `rows` without its bias field too."""

    def correct(row: dict[str, Any]) -> None:
        row["shown"] = row["file"].replace(".npy", "-corrected.npy")
        even = corrected(np.load(folder / row["file"]).astype(np.float32), row["facts"]["zooms"])
        np.save(folder / row["shown"], even.astype(np.float16))

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:  # SimpleITK lets other threads run
        for _ in track(pool.map(correct, rows), "Correcting bias fields", total=len(rows)):
            pass


def _session(
    scans: list[Scan], broken: list[tuple[str, str]]
) -> Iterator[tuple[Scan, npt.NDArray[np.float16], tuple[float, ...]]]:
    """Yield the scans of a session that share a grid, cut to what any of them shows."""
    read: list[tuple[Scan, Volume]] = []
    for scan in scans:
        try:
            read.append((scan, load_image(scan.path)))
        except ScanError as error:
            broken.append((scan.name, str(error)))
    loaded = _on_one_grid(read, broken)
    images = [canonical(normalised(volume.data.astype(np.float32)), volume.affine) for _, volume in loaded]
    box = _box([np.asarray(image.dataobj) > FOREGROUND for image in images])
    for (scan, _), image in zip(loaded, images, strict=True):
        zooms = tuple(round(float(zoom), 4) for zoom in image.header.get_zooms()[:3])
        yield scan, np.asarray(image.dataobj)[box].astype(np.float16), zooms


def _on_one_grid(read: list[tuple[Scan, Volume]], broken: list[tuple[str, str]]) -> list[tuple[Scan, Volume]]:
    """Return the scans on the grid that most of them have; the others are broken."""
    groups = [[pair for pair in read if same_grid(pair[1], volume)] for _, volume in read]
    kept = max(groups, key=len, default=[])
    for scan, volume in read:
        if not any(volume is one for _, one in kept):
            other = kept[0][1].path.name
            broken.append((scan.name, f"{scan.path} is not on the grid of {other}: co-register and resample it"))
    return kept


def _box(masks: list[npt.NDArray[np.bool_]]) -> tuple[slice, ...]:
    if not masks:
        return ()
    where = np.nonzero(np.any(masks, axis=0))
    return tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in where)


def _fingerprint(scans: list[Scan], bias_corrected: bool) -> str:
    digest = hashlib.sha256(json.dumps({"layout": _LAYOUT, "bias corrected": bias_corrected}).encode())
    for scan in scans:
        size = scan.path.stat().st_size if scan.path.is_file() else -1
        digest.update(json.dumps([scan.name, size, asdict(scan.facts)], sort_keys=True).encode())
    return digest.hexdigest()


def _index(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    return document


def _stored(folder: Path, row: dict[str, Any]) -> Stored:
    said = dict(row["facts"])
    facts = Facts(**{**said, "zooms": tuple(said["zooms"])})
    files = {"file": folder / row["file"], "shown_file": folder / row["shown"]}
    return Stored(**files, name=row["name"], person=row["person"], session=row["session"], facts=facts)
