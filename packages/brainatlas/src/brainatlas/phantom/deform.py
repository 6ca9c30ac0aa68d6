"""Chance and a person's traits in, the map from the person's head to the template out, on a coarse grid.

A point p of the person lies at ``A p + u(p)`` of the template: A turns, shifts and scales (head size); u is smooth
noise on two scales minus the growth of the ventricles. Amplitudes keep the Jacobian positive everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

STEP_MM = 4.0
FIRST_MM = (-104.0, -132.0, -96.0)
NODES = (53, 60, 53)
# (standard deviation of the smoothing, mm; root mean square of each component, mm): lobes, then gyri.
SCALES = ((26.0, 2.4), (11.0, 1.0))


@dataclass(frozen=True, kw_only=True)
class Warp:
    """Person to template: ``matrix[:, :3] @ p + matrix[:, 3] + u(p)``, all mm, RAS.

    Attributes
    ----------
    matrix : ndarray, shape (3, 4)
    field : ndarray of float32, shape `NODES` + (3,)
        u on a grid of `STEP_MM` from `FIRST_MM`, interpolated linearly.
    """

    matrix: npt.NDArray[np.float64]
    field: npt.NDArray[np.float32]


def draw_warp(
    rng: np.random.Generator,
    *,
    scale: float,
    ventricles_mm: float,
    growth: npt.NDArray[np.float32],
    growth_first_mm: tuple[int, int, int],
) -> Warp:
    """Draw one person's warp.

    Parameters
    ----------
    scale : float
        Head size as a factor of the template's.
    ventricles_mm : float
        How far the ventricles' walls have moved outwards, mm.
    growth : ndarray, shape (i, j, k, 3)
        Unit-peak outward field on a 4 mm grid from `growth_first_mm`.
    """
    matrix = _pose(rng, scale)
    field = np.zeros((*NODES, 3), np.float32)
    for smooth_mm, amplitude_mm in SCALES:
        field += _noise(rng, smooth_mm, amplitude_mm)
    nodes = np.stack(np.meshgrid(*_node_axes(), indexing="ij"))
    there = np.einsum("ab,bijk->aijk", matrix[:, :3], nodes) + matrix[:, 3, None, None, None]
    index = (there - np.array(growth_first_mm)[:, None, None, None]) / STEP_MM
    for axis in range(3):
        widened = ndimage.map_coordinates(growth[..., axis], index, order=1, output=np.float32)
        field[..., axis] -= np.float32(ventricles_mm) * widened
    return Warp(matrix=matrix, field=field)


def _pose(rng: np.random.Generator, scale: float) -> npt.NDArray[np.float64]:
    pitch, yaw, roll = np.radians(rng.normal(0, 2.0, 3))
    turn = _rotation(0, pitch) @ _rotation(1, yaw) @ _rotation(2, roll)
    axes = rng.normal(1.0, 0.015, 3) * scale
    return np.concatenate([turn / axes, rng.normal(0, 2.0, (3, 1))], axis=1)


def _rotation(axis: int, angle: float) -> npt.NDArray[np.float64]:
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = np.cos(angle)
    turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
    return turn


def _noise(rng: np.random.Generator, smooth_mm: float, amplitude_mm: float) -> npt.NDArray[np.float32]:
    # Drawn with a margin, so that smoothing sees noise beyond the edges too.
    margin = int(np.ceil(2 * smooth_mm / STEP_MM))
    white = rng.standard_normal([n + 2 * margin for n in NODES] + [3])
    smooth = ndimage.gaussian_filter(white, [smooth_mm / STEP_MM] * 3 + [0], mode="constant")
    inner = smooth[margin:-margin, margin:-margin, margin:-margin]
    return np.asarray(inner / np.sqrt((inner**2).mean()) * amplitude_mm, dtype=np.float32)


def _node_axes() -> list[npt.NDArray[np.float64]]:
    return [first + STEP_MM * np.arange(n, dtype=np.float64) for first, n in zip(FIRST_MM, NODES, strict=True)]
