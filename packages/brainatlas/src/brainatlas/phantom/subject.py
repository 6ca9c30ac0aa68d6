"""A subject number and a seed in, one phantom person's labels, mask and scans out, in memory."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brainatlas.phantom.anatomy import FIRST_MM, TISSUES, Anatomy, template_anatomy
from brainatlas.phantom.deform import FIRST_MM as FIELD_FIRST_MM
from brainatlas.phantom.deform import STEP_MM, Warp, draw_warp
from brainatlas.phantom.protocol import CONTRASTS, Protocol, draw_protocol
from brainatlas.phantom.sampling import blocks_of, sample_head

YOUNGEST, OLDEST = 20, 85
# The ICBM brain is some 25 % larger than people's (Lancaster et al. 2007, doi:10.1002/hbm.20345).
SCALE = {"F": 0.905, "M": 0.95}
BRAIN_LEVEL = 800.0  # mean stored grey value of the brain before the scan's own gain


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Voxels of a phantom scan, axes RAS, centred on the head.

    Attributes
    ----------
    shape : tuple of int
    zoom_mm : float
    split : int
        Sub-voxels along each axis: how finely partial volume is worked out.
    """

    shape: tuple[int, int, int]
    zoom_mm: float
    split: int

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """Voxel index → world coordinates, RAS, mm; the field of view's centre lies at (0, -16, 8)."""
        affine = np.diag([self.zoom_mm, self.zoom_mm, self.zoom_mm, 1.0])
        affine[:3, 3] = np.array([0.0, -16.0, 8.0]) - self.zoom_mm * (np.array(self.shape) - 1) / 2
        return affine


SIZES = {
    "tiny": Grid(shape=(64, 72, 64), zoom_mm=3.0, split=3),
    "full": Grid(shape=(192, 216, 192), zoom_mm=1.0, split=2),
}


@dataclass(frozen=True, kw_only=True)
class Scan:
    """One contrast: grey values (int16, shape of the grid) and how they came about."""

    data: npt.NDArray[np.int16]
    protocol: Protocol


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One phantom person.

    Attributes
    ----------
    name : str
        BIDS label, such as ``01``.
    age : int
        Years.
    sex : {"F", "M"}
    affine : ndarray, shape (4, 4)
        Voxel index → world coordinates, RAS, mm; the same for labels, mask and scans.
    labels : ndarray of uint16
        True structures, FreeSurfer numbers.
    mask : ndarray of uint8
        True brain mask, 1 inside.
    scans : dict of str to Scan
        By BIDS suffix.
    """

    name: str
    age: int
    sex: str
    affine: npt.NDArray[np.float64]
    labels: npt.NDArray[np.uint16]
    mask: npt.NDArray[np.uint8]
    scans: dict[str, Scan]


@dataclass(frozen=True, kw_only=True)
class Head:
    """One phantom person before any scan; `scan_head` takes scans of it by any protocol.

    Attributes
    ----------
    age : int
        Years.
    sex : {"F", "M"}
    grid : Grid
    parts : ndarray of float32, shape of the grid + (6,)
        Share of each of `brainatlas.phantom.anatomy.TISSUES` in a voxel.
    labels, mask : ndarray of uint8
        True structures (FreeSurfer numbers) and brain mask.
    """

    age: int
    sex: str
    grid: Grid
    parts: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.uint8]


def make_subject(
    index: int,
    *,
    seed: int = 0,
    grid: Grid = SIZES["tiny"],
    contrasts: tuple[str, ...] = CONTRASTS,
    field_t: float | None = None,
) -> Subject:
    """Make phantom person number `index` (1, 2, …); equal arguments give equal voxels.

    Parameters
    ----------
    index : int
        Neither the number of subjects nor their order matters.
    seed : int
        Of the cohort.
    grid : Grid
        `SIZES` has ``tiny`` and ``full``.
    contrasts : tuple of str
        BIDS suffixes among ``T1w``, ``T2w`` and ``FLAIR``. A scan does not depend on which others are made.
    field_t : float, optional
        Field strength of every scan, one of `brainatlas.phantom.protocol.field_strengths`; drawn scan by scan where
        none is given. The anatomy does not depend on it; relaxation, noise and bias do.
    """
    head = make_head(index, seed=seed, grid=grid)
    scans = {}
    for name in contrasts:
        rng = _rng(seed, index, 1 + CONTRASTS.index(name))
        scans[name] = scan_head(head, draw_protocol(name, rng, field_t), rng)
    return Subject(
        name=f"{index:02d}",
        age=head.age,
        sex=head.sex,
        affine=grid.affine,
        labels=head.labels.astype(np.uint16),
        mask=head.mask,
        scans=scans,
    )


def make_head(index: int, *, seed: int = 0, grid: Grid = SIZES["tiny"]) -> Head:
    """Make the head of phantom person number `index`; on another grid it is the same person."""
    anatomy = template_anatomy()
    traits = _rng(seed, index, 0)
    age = int(traits.integers(YOUNGEST, OLDEST + 1))
    sex = "FM"[int(traits.integers(2))]
    old = (age - YOUNGEST) / (OLDEST - YOUNGEST)
    warp = draw_warp(
        traits,
        scale=float(SCALE[sex] * traits.normal(1.0, 0.015)),
        ventricles_mm=float(-0.8 + 4.0 * old**1.5 + traits.normal(0, 0.5)),
        growth=anatomy.growth,
        growth_first_mm=FIRST_MM,
    )
    parts, labels, mask = _sample(anatomy, warp, grid, widening=0.6 * old)
    return Head(age=age, sex=sex, grid=grid, parts=parts, labels=labels, mask=mask)


def scan_head(head: Head, protocol: Protocol, rng: np.random.Generator) -> Scan:
    """Scan a head by `protocol`, with the bias field, the noise and the gain that `rng` draws."""
    clean = signal_of(head, protocol) * _bias(head.parts.shape[:3], protocol.field_t, rng)
    noise = rng.standard_normal((2, *clean.shape), dtype=np.float32) / np.float32(
        _snr(protocol.field_t, head.grid.zoom_mm)
    )
    measured = np.hypot(clean + noise[0], noise[1])  # magnitude of a complex signal: Rician
    gain = BRAIN_LEVEL * rng.uniform(0.7, 1.4)
    return Scan(data=np.clip(np.rint(measured * gain), 0, 32767).astype(np.int16), protocol=protocol)


def signal_of(head: Head, protocol: Protocol) -> npt.NDArray[np.float32]:
    """Return what a scan would show without bias field and noise, 1 = mean of the brain, shape of the grid."""
    tissue = np.array([protocol.signal(name) for name in TISSUES], dtype=np.float32)
    level = float(head.parts.reshape(-1, len(TISSUES))[head.mask.ravel() > 0].mean(axis=0) @ tissue)
    return np.asarray(head.parts @ (tissue / np.float32(level)), dtype=np.float32)


def _rng(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def _sample(
    anatomy: Anatomy, warp: Warp, grid: Grid, widening: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    parts, labels, mask = sample_head(
        grid.shape,
        grid.affine[:3, 3].copy(),
        grid.zoom_mm,
        grid.split,
        warp.matrix,
        warp.field,
        np.array(FIELD_FIRST_MM),
        STEP_MM,
        anatomy.fractions,
        anatomy.labels,
        anatomy.brain,
        np.array(FIRST_MM, dtype=np.float64),
        _blocks(grid.zoom_mm),
        widening,
    )
    return parts, labels * mask, mask


@functools.lru_cache(maxsize=4)
def _blocks(zoom_mm: float) -> npt.NDArray[np.bool_]:
    return blocks_of(template_anatomy().fractions, zoom_mm)


def _snr(field_t: float, zoom_mm: float) -> float:
    # Signal grows about as the field and as the voxel; longer averaging at low field makes up for part of both.
    return 14.0 * (field_t / 0.3) ** 0.5 * zoom_mm**0.25


def _bias(shape: tuple[int, ...], field_t: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return a smooth gain around 1: a quadratic in position whose strength grows with the field."""
    axes = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in shape)]
    x, y, z = (axis.astype(np.float32) for axis in axes)
    terms = (x, y, z, x * x, y * y, z * z, x * y, x * z, y * z)
    strength = 0.05 + 0.045 * field_t
    weights = rng.normal(0, strength, len(terms)).astype(np.float32)
    weights[3:6] -= np.float32(strength)  # brighter at the centre where wavelength and coil meet
    exponent = sum(weight * term for weight, term in zip(weights, terms, strict=True))
    return np.exp(np.asarray(exponent) - np.float32(weights[3:6].mean() * 0.3))
