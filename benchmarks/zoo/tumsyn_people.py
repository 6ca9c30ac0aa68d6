"""A phantom cohort in, its held-out people with scans, facts, masks, truths, and what a model makes of them, out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tumsyn_cohort import NATIVE, SEED, protocols

from brainatlas.phantom import Grid, Head, Protocol, make_head, signal_of
from braincaption.atomic import atomic_path
from braincaption.nifti import Volume, load_image
from brainldm.tumsyn.cohort import Scan, read_cohort
from brainldm.tumsyn.facts import Facts
from brainldm.tumsyn.generate import VolumeMaker
from brainldm.tumsyn.intensity import normalised

Voxels = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A scan with its voxels as read, from 0 to 1, and its facts with the voxel size."""

    volume: Volume
    voxels: Voxels
    facts: Facts


@dataclass(frozen=True, kw_only=True)
class Person:
    """A held-out person: index in the phantom, scans by entity and suffix (T1w, echo2_T2w, FLAIR …)."""

    index: int
    scans: dict[str, Seen]

    @property
    def head(self) -> Head:
        """The person on the scans' grid."""
        return head_at(self.index, NATIVE)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """The true brain mask."""
        return self.head.mask > 0

    def protocol(self, name: str) -> Protocol:
        """How a scan was acquired."""
        return {f"{entity}_{one.contrast}".removeprefix("_acq-").removeprefix("_"): one
                for entity, one in protocols(self.index)}[name]  # fmt: skip


class KeptMaker:
    """A model whose volumes are kept on disk, as several questions ask for the same one.

    Parameters
    ----------
    model, kept : Path
        Model folder, and the folder to keep volumes in.
    """

    def __init__(self, model: Path, kept: Path) -> None:
        self.maker, self.kept = VolumeMaker(model), kept
        kept.mkdir(parents=True, exist_ok=True)

    def make(self, source: Volume, facts: Facts, zooms: tuple[float, ...] | None = None) -> Voxels:
        """Return the voxels that the model makes."""
        digest = hashlib.sha256(f"{self.maker.name} {facts} {zooms} {source.affine.tolist()}".encode())
        digest.update(np.ascontiguousarray(source.data).tobytes())
        path = self.kept / f"{digest.hexdigest()}.npy"
        if not path.is_file():
            with atomic_path(path) as aside:
                np.save(aside, self.maker.make(source, facts, zooms).data)
        return np.asarray(np.load(path))


@lru_cache(maxsize=64)
def head_at(index: int, grid: Grid) -> Head:
    """Return a person on a grid; a dozen of them on the scans' grid take 90 MB."""
    return make_head(index, seed=SEED, grid=grid)


def held_out(cohort: Path, most: int | None = None) -> Iterator[Person]:
    """Yield the people of split test, the first `most` of them, one by one."""
    scans = [scan for scan in read_cohort(cohort).scans if scan.side == "test"]
    for person in sorted({scan.person for scan in scans})[:most]:
        own = [scan for scan in scans if scan.person == person]
        yield Person(index=int(person.rpartition("/")[2]), scans={_short(scan): seen(scan) for scan in own})


def seen(scan: Scan) -> Seen:
    """Return a scan as a model is given it."""
    volume = load_image(scan.path)
    zooms = tuple(float(zoom) for zoom in volume.zooms)
    return Seen(
        volume=volume, voxels=normalised(volume.data.astype(np.float32)), facts=replace(scan.facts, zooms=zooms)
    )


def flawless(head: Head, protocol: Protocol) -> Voxels:
    """Return what a scan would show without noise and bias field, stripped, from 0 to 1."""
    return normalised(signal_of(head, protocol) * head.mask)


def _short(scan: Scan) -> str:
    return scan.path.name.removesuffix(".nii.gz").split("_", 1)[1].removeprefix("acq-")
