"""Coordinates of a symmetric template in, ellipsoids, tubes and lenses out: boolean volumes to cut structures with."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Point = tuple[float, float, float]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Coordinates:
    """World coordinates of a grid, mm, as broadcastable axes; `across` is the distance from the midline."""

    across: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    z: npt.NDArray[np.float32]


def ellipsoid(at: Coordinates, centre: Point, radii: Point) -> Mask:
    """Return the inside of an axis-parallel ellipsoid and of its mirror image."""
    x, y, z = (
        (axis - middle) / radius for axis, middle, radius in zip((at.across, at.y, at.z), centre, radii, strict=True)
    )
    return np.asarray(x * x + y * y + z * z < 1)


def lens(at: Coordinates, centre: Point, radii: Point, slope: float) -> Mask:
    """Return an ellipsoid sheared so that it runs outwards with `slope` mm across per mm anterior."""
    x = (at.across - centre[0] - slope * (at.y - centre[1])) / radii[0]
    y = (at.y - centre[1]) / radii[1]
    z = (at.z - centre[2]) / radii[2]
    return np.asarray(x * x + y * y + z * z < 1)


def tube(at: Coordinates, points: tuple[Point, ...], across_mm: float, height_mm: float) -> Mask:
    """Return what lies within an elliptic tube around the polyline through `points`.

    Parameters
    ----------
    across_mm, height_mm : float
        Half width from side to side, and in the two other directions.
    """
    scale = np.array([1 / across_mm, 1 / height_mm, 1 / height_mm], dtype=np.float32)
    inside = np.zeros((at.across.size, at.y.size, at.z.size), dtype=np.bool_)
    for start, stop in itertools.pairwise(points):
        ys = _between(at.y.ravel(), start[1], stop[1], height_mm)
        zs = _between(at.z.ravel(), start[2], stop[2], height_mm)
        inside[:, ys, zs] |= _near_segment((at.across, at.y[:, ys], at.z[:, :, zs]), start, stop, scale)
    return inside


def table(
    at: Coordinates, across: tuple[float, ...], y: tuple[float, ...], heights: tuple[tuple[float, ...], ...]
) -> npt.NDArray[np.float32]:
    """Return the height of a surface over (distance from the midline, y), interpolated bilinearly, held at the ends."""
    rows = np.stack([np.interp(at.y.ravel(), y, row) for row in heights])
    columns = np.stack([np.interp(at.across.ravel(), across, column) for column in rows.T], axis=1)
    return np.asarray(columns[:, :, None], dtype=np.float32)


def _between(axis: npt.NDArray[np.float32], start: float, stop: float, margin: float) -> slice:
    low, high = min(start, stop) - margin, max(start, stop) + margin
    return slice(int(np.searchsorted(axis, low)), int(np.searchsorted(axis, high, side="right")))


def _near_segment(
    axes: tuple[npt.NDArray[np.float32], ...], start: Point, stop: Point, scale: npt.NDArray[np.float32]
) -> Mask:
    first = np.array(start, dtype=np.float32) * scale
    along = np.array(stop, dtype=np.float32) * scale - first
    offset = [axis * factor - origin for axis, factor, origin in zip(axes, scale, first, strict=True)]
    share = sum(part * step for part, step in zip(offset, along, strict=True)) / float(along @ along)
    share = np.clip(share, 0, 1)
    distance = sum((part - share * step) ** 2 for part, step in zip(offset, along, strict=True))
    return np.asarray(distance < 1)
