"""Sessions and a step in, the step's patches, prompts, points and true grey values out; the same for equal seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from brainldm.chance import draws, sample_generator
from brainldm.tumsyn.facts import Facts, forgetful
from brainldm.tumsyn.grid import averaged
from brainldm.tumsyn.intensity import FOREGROUND
from brainldm.tumsyn.settings import SynthesisTraining
from brainldm.tumsyn.volumes import Stored

_FLIP = 0.5
_T1W = "T1w"
_TRIES = 10
_LEAST_TISSUE = 0.5  # share of a coarse voxel


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a step learns from.

    Attributes
    ----------
    patches : Tensor, shape (n, 1, p, p, p)
        Of one contrast, as a network is shown it, degraded.
    facts : list of Facts
        Of the contrast asked for.
    points : Tensor, shape (n, q, 3)
        The patch reaches from -1 to 1.
    wanted : Tensor, shape (n, q)
        True grey values there, as acquired.
    """

    patches: torch.Tensor
    facts: list[Facts]
    points: torch.Tensor
    wanted: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on `device`."""
        return Batch(patches=self.patches.to(device), facts=self.facts, points=self.points.to(device),
                     wanted=self.wanted.to(device))  # fmt: skip


def draw_batch(sessions: Sequence[Sequence[Stored]], settings: SynthesisTraining, seed: int, step: int) -> Batch:
    """Return batch `step`: of each session drawn, one scan degraded and another as the answer.

    A source contrast is drawn first, T1w with chance `settings.from_t1w`, and one of its scans; then, as
    `settings.answers` says, another contrast and one of its scans, or one of all scans of other contrasts. A session of
    one contrast lends two of its scans.
    """
    found = []
    for epoch, session in draws(seed, len(sessions), settings.batch, step):
        rng = sample_generator(seed, epoch, session)
        found.append(_example(*_pair(sessions[session], settings, rng), settings, rng))
    patches, facts, points, wanted = zip(*found, strict=True)
    return Batch(
        patches=torch.from_numpy(np.stack(patches)).unsqueeze(1),
        facts=list(facts),
        points=torch.from_numpy(np.stack(points)),
        wanted=torch.from_numpy(np.stack(wanted)),
    )


def _pair(session: Sequence[Stored], settings: SynthesisTraining, rng: np.random.Generator) -> tuple[Stored, Stored]:
    """Return source and answer."""
    contrasts = sorted({str(one.facts.contrast) for one in session})
    if len(contrasts) == 1:
        first, second = rng.permutation(len(session))[:2]
        return session[first], session[second]
    source = str(rng.choice(contrasts, p=_shares(contrasts, settings.from_t1w)))
    others = [one for one in session if str(one.facts.contrast) != source]
    if settings.answers == "scans":
        return _one_of(session, source, rng), others[int(rng.integers(len(others)))]
    target = str(rng.choice([contrast for contrast in contrasts if contrast != source]))
    return _one_of(session, source, rng), _one_of(others, target, rng)


def _shares(contrasts: Sequence[str], from_t1w: float) -> list[float]:
    """Return how often each contrast is the source; they add up to 1."""
    if not from_t1w or _T1W not in contrasts:
        return [1 / len(contrasts)] * len(contrasts)
    rest = (1 - from_t1w) / (len(contrasts) - 1)
    return [from_t1w if contrast == _T1W else rest for contrast in contrasts]


def _one_of(session: Sequence[Stored], contrast: str, rng: np.random.Generator) -> Stored:
    there = [one for one in session if str(one.facts.contrast) == contrast]
    return there[int(rng.integers(len(there)))]


def _example(
    source: Stored, target: Stored, settings: SynthesisTraining, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], Facts, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return patch, facts, points and grey values: `scale` × patch voxels of the source, averaged down to patch."""
    as_acquired = rng.random() < settings.native
    scale = 1.0 if as_acquired else rng.uniform(settings.scale_min, settings.scale_max)
    seen, answer = source.shown(), target.open()
    side = [max(settings.patch, min(round(settings.patch * scale), n)) for n in seen.shape]
    first = _corner(seen, side, rng)
    crop = tuple(slice(begin, begin + length) for begin, length in zip(first, side, strict=True))
    flip = rng.random() < _FLIP
    here, there = (_cut(volume, crop, side, flip) for volume in (seen, answer))
    # Points are drawn with repetition: from a million voxels few come twice, and a permutation of them all is slow.
    chosen = rng.integers(np.array(side), size=(settings.queries, 3))
    points = (2 * (chosen + 0.5) / np.array(side) - 1).astype(np.float32)
    return (
        _coarser(here, (settings.patch,) * 3),
        forgetful(target.facts, settings.forget, rng),
        points,
        there[tuple(chosen.T)],
    )


def _coarser(here: npt.NDArray[np.float32], shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """Return a crop on a coarser grid, as a scan acquired there and stripped then: no voxel fades into nothing.

    Averaged is what a voxel holds of the head; a voxel that holds more of nothing (exact zeros) is nothing.
    """
    if here.shape == shape:
        return here
    tissue = averaged((here > 0).astype(np.float32), shape)
    return np.where(tissue < _LEAST_TISSUE, 0.0, averaged(here, shape) / np.maximum(tissue, _LEAST_TISSUE)).astype(
        np.float32
    )


def _corner(seen: npt.NDArray[np.float16], side: list[int], rng: np.random.Generator) -> list[int]:
    """Return a corner whose crop has tissue in its middle, if a few draws find one: half of a box is background."""
    for _ in range(_TRIES):
        first = [int(rng.integers(max(1, n - length + 1))) for n, length in zip(seen.shape, side, strict=True)]
        middle = tuple(
            min(begin + length // 2, n - 1) for begin, length, n in zip(first, side, seen.shape, strict=True)
        )
        if seen[middle] > FOREGROUND:
            break
    return first


def _cut(
    volume: npt.NDArray[np.float16], crop: tuple[slice, ...], side: list[int], flip: bool
) -> npt.NDArray[np.float32]:
    """Return a crop of `side` voxels, with zeros where a volume is smaller than a patch."""
    part = np.asarray(volume[crop], dtype=np.float32)
    part = np.pad(part, [(0, length - n) for length, n in zip(side, part.shape, strict=True)])
    return part[::-1] if flip else part
