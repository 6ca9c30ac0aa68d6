"""A whole normalised volume and a prompt's vector in, the volume asked for on any grid out, patch by patch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import torch

from braincaption.progress import track
from brainldm.tumsyn.grid import Grid, centres
from brainldm.tumsyn.intensity import FOREGROUND
from brainldm.tumsyn.network import Synthesis
from brainldm.tumsyn.settings import InferenceSettings

_LEAST_WEIGHT = 1e-3
Voxels = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class _Span:
    """One patch along one axis: its first voxel, the points of the target in it, where they lie, their weights."""

    first: int
    points: slice
    inside: Voxels  # -1 to 1
    weights: Voxels


_Place = tuple[_Span, ...]  # a patch: one span along each axis


@torch.no_grad()
def synthesise(
    network: Synthesis, text: torch.Tensor, voxels: Voxels, source: Grid, target: Grid, how: InferenceSettings
) -> Voxels:
    """Return the volume asked for, from 0 to 1.

    Patches overlap; a point that several cover is their mean, weighted by the distance to the patch's border. With
    `how.mirrored` it is the mean of a patch and of the patch with left and right exchanged (the geometric ensemble of
    Lim et al. 2017, of the one symmetry that training shows). Beyond what the source shows there is nothing.

    Parameters
    ----------
    network : Synthesis
    text : Tensor, shape (1, text_width)
    voxels : ndarray of float32, shape of `source`
        From 0 to 1, axes right, anterior, superior.
    source, target : Grid
        With the same axes; `target` is ``source.at(zooms)``.
    how : InferenceSettings

    Returns
    -------
    ndarray of float32, shape of `target`
    """
    device = next(network.parameters()).device
    box = _box(voxels)
    cut = np.pad(voxels[box], [(0, max(0, how.patch - axis.stop + axis.start)) for axis in box])
    spans = [_spans(axis, length, at, how) for axis, length, at in
             zip(box, cut.shape, centres(source, target), strict=True)]  # fmt: skip
    total, weight = (np.zeros(target.shape, dtype=np.float32) for _ in range(2))
    shown: list[_Place] = []
    for place in product(*spans):
        weight[_points(place)] += _weights(place)
        if _weights(place).size and _patch(cut, place, how).any():
            shown.append(place)
    for first in track(range(0, len(shown), how.batch), "Synthesising patches"):
        places = shown[first : first + how.batch]
        given = torch.from_numpy(np.stack([_patch(cut, place, how) for place in places])).unsqueeze(1).to(device)
        given = torch.stack([given, given.flip(2)], dim=1).flatten(0, 1) if how.mirrored else given
        features = network.features(given, text.to(device).expand(len(given), -1))
        for place, own in zip(places, features.reshape(len(places), -1, *features.shape[1:]), strict=True):
            total[_points(place)] += _weights(place) * _decoded(network, own, place, how.queries)
    return np.asarray(np.clip(total / np.maximum(weight, _LEAST_WEIGHT**3), 0.0, 1.0), dtype=np.float32)


def _points(place: _Place) -> tuple[slice, ...]:
    """Return the points of the target that lie in a patch."""
    return tuple(span.points for span in place)


def _weights(place: _Place) -> Voxels:
    """Return the weights of a patch's points."""
    return np.multiply.outer(np.multiply.outer(place[0].weights, place[1].weights), place[2].weights)


def _patch(cut: Voxels, place: _Place, how: InferenceSettings) -> Voxels:
    return cut[tuple(slice(span.first, span.first + how.patch) for span in place)]


def _box(voxels: Voxels) -> tuple[slice, ...]:
    where = np.nonzero(voxels > FOREGROUND)
    return tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in where)


def _spans(box: slice, length: int, at: npt.NDArray[np.float64], how: InferenceSettings) -> list[_Span]:
    """Return the patches along one axis of `length` voxels from `box.start`; `at` are the target's centres."""
    position = at - box.start
    end = box.stop - box.start
    stride = max(1, round(how.patch * (1 - how.overlap)))
    firsts = [*range(0, length - how.patch, stride), length - how.patch]
    return list(_with_points(firsts, position, end, how.patch))


def _with_points(firsts: list[int], position: npt.NDArray[np.float64], end: int, patch: int) -> Iterator[_Span]:
    for first in firsts:
        low, high = np.searchsorted(position, [first, min(first + patch, end)])
        within = position[low:high] - first
        yield _Span(
            first=first,
            points=slice(int(low), int(high)),
            inside=(2 * within / patch - 1).astype(np.float32),
            weights=np.maximum(np.minimum(within, patch - within) / patch, _LEAST_WEIGHT).astype(np.float32),
        )


def _decoded(network: Synthesis, features: torch.Tensor, place: _Place, queries: int) -> Voxels:
    """Return grey values at the points of a patch, `queries` at a time; of a patch and its mirror image the mean."""
    axes = [torch.from_numpy(span.inside) for span in place]
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(1, -1, 3).to(features.device)
    if len(features) > 1:
        points = torch.cat([points, points * points.new_tensor([-1, 1, 1])])
    firsts = range(0, points.shape[1], queries)
    parts = [network.decoder(features, points[:, first : first + queries]).mean(0, keepdim=True).cpu()
             for first in firsts]  # fmt: skip
    return torch.cat(parts, dim=1).reshape([len(axis) for axis in axes]).numpy()
