"""Two label maps on one grid in, Dice, volumes and surface distances per structure out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Labels = npt.NDArray[np.uint16]

CORTEX = {1: 3, 2: 42}  # thousands of FreeSurfer's cortical parcels → cerebral cortex of that side


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How well one structure was found.

    Attributes
    ----------
    label : int
    dice : float
        2|A∩B| / (|A| + |B|) (Dice 1945, doi:10.2307/1932409).
    volume_mm3, true_volume_mm3 : float
    mean_distance_mm, hausdorff95_mm : float or None
        Symmetric surface distance: its mean, and the larger of the two directed 95th percentiles (Taha and Hanbury
        2015, doi:10.1186/s12880-015-0068-x). None where the structure is missing on one side, or was not asked for.
    """

    label: int
    dice: float
    volume_mm3: float
    true_volume_mm3: float
    mean_distance_mm: float | None = None
    hausdorff95_mm: float | None = None

    @property
    def volume_error(self) -> float | None:
        """(volume − true volume) / true volume; None where there is nothing to find."""
        return (self.volume_mm3 - self.true_volume_mm3) / self.true_volume_mm3 if self.true_volume_mm3 else None


def merge_parcels(labels: Labels) -> Labels:
    """Return `labels` with FreeSurfer's cortical parcels, 1000–2999, merged into 3 (left) and 42 (right).

    Examples
    --------
    >>> merge_parcels(np.array([17, 1002, 2035], dtype=np.uint16)).tolist()
    [17, 3, 42]
    """
    merged = labels.copy()
    for thousand, cortex in CORTEX.items():
        merged[(labels >= 1000 * thousand) & (labels < 1000 * (thousand + 1))] = cortex
    return merged


def renumber(labels: Labels, numbers: dict[int, int]) -> Labels:
    """Return `labels` with every key of `numbers` replaced by its value."""
    table = np.arange(65536, dtype=np.uint16)
    for old, new in numbers.items():
        table[old] = new
    return table[labels]


def agreement(
    found: Labels,
    true: Labels,
    affine: npt.NDArray[np.float64],
    *,
    structures: tuple[int, ...] | None = None,
    distances: bool = False,
) -> list[Agreement]:
    """Compare two label maps structure by structure, sorted by label.

    Parameters
    ----------
    found, true : ndarray of uint16, shape (i, j, k)
    affine : ndarray, shape (4, 4)
        Voxel → world RAS, mm.
    structures : tuple of int, optional
        By default every label of either map but 0.
    distances : bool
        Whether to measure surface distances too (seconds instead of milliseconds).
    """
    voxel = float(abs(np.linalg.det(affine[:3, :3])))
    size_found, size_true = (np.bincount(m.ravel(), minlength=65536) for m in (found, true))
    both = np.bincount(found[found == true].ravel(), minlength=65536)
    wanted = structures or tuple(int(n) for n in np.flatnonzero(size_found + size_true) if n)
    rows = []
    for label in sorted(wanted):
        total = int(size_found[label] + size_true[label])
        measured = _distances(found, true, label, affine) if distances and both[label] else (None, None)
        rows.append(
            Agreement(
                label=label,
                dice=2 * int(both[label]) / total if total else 1.0,
                volume_mm3=float(size_found[label]) * voxel,
                true_volume_mm3=float(size_true[label]) * voxel,
                mean_distance_mm=measured[0],
                hausdorff95_mm=measured[1],
            )
        )
    return rows


def _distances(found: Labels, true: Labels, label: int, affine: npt.NDArray[np.float64]) -> tuple[float, float]:
    inside = (found == label, true == label)
    box = _box(inside[0] | inside[1])
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    first, second = (np.pad(part[box], 1) for part in inside)
    edges = [part & ~ndimage.binary_erosion(part) for part in (first, second)]
    away = [ndimage.distance_transform_edt(~edge, sampling=spacing) for edge in edges]
    there, back = away[1][edges[0]], away[0][edges[1]]
    mean = float((there.sum() + back.sum()) / (there.size + back.size))
    return mean, float(max(np.percentile(there, 95), np.percentile(back, 95)))


def _box(mask: npt.NDArray[np.bool_]) -> tuple[slice, ...]:
    return tuple(ndimage.find_objects(mask.astype(np.uint8))[0])
