"""A brain mask and its tissue fractions in, the same inside a head out: fluid, skull, marrow, scalp, face and neck.

No template head is at hand without a licence of its own, so the skull follows the smoothed hull of the brain, and face
and neck are ellipsoids of muscle under fat, with orbits, airways and spinal cord where they belong.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brainatlas.phantom.shapes import Coordinates, ellipsoid

STEP = 3  # the hull is smooth: it is worked out on a grid of this many mm
CLOSING_MM = 16.0
FLUID_MM = 1.2  # subarachnoid space over the gyri
BONE_MM = 6.5
SKIN_MM = 13.5


def wrap_head(
    brain: npt.NDArray[np.bool_], parts: npt.NDArray[np.float32], first_mm: tuple[int, int, int]
) -> npt.NDArray[np.uint8]:
    """Return tissue fractions of the whole head, 255 = all of a voxel.

    Parameters
    ----------
    brain : ndarray of bool, shape (i, j, k)
        Brain mask on a 1 mm RAS grid.
    parts : ndarray, shape (brain voxels, 3)
        Fluid, grey and white matter of the mask's voxels in array order, 0 to 1.
    first_mm : tuple of int
        World coordinates of voxel (0, 0, 0).

    Returns
    -------
    ndarray of uint8, shape (i, j, k, 6)
        csf, grey, white, bone, fat, muscle; what is missing to 255 is air.
    """
    depth, far = _outside(brain)
    at = _axes(brain.shape, first_mm)
    face = _face_distance(at)
    head = (depth < SKIN_MM) | (face < 0)
    skin = np.minimum(np.maximum(depth - SKIN_MM, -30), face)  # negative inside the head
    bone = (depth >= 0) & (depth < BONE_MM) & (at.z > -66)
    marrow = bone & (depth > 2.2) & (depth < BONE_MM - 2.2) & (at.z > -30)
    air = _airways(at) & ~bone & (depth > BONE_MM)
    eye = ellipsoid(at, (32, 63, -36), (12, 12, 12))
    cord = (at.across**2 / 64 + (at.y + 47 - 0.25 * (at.z + 72)) ** 2 / 49 < 1) & (at.z < -68) & ~brain
    fractions = np.zeros((*brain.shape, 6), np.uint8)
    _fill(fractions, head, "muscle")
    _fill(fractions, head & (skin > -4.6) & (skin < -1.6) & ~bone, "fat")
    _fill(fractions, ellipsoid(at, (30, 52, -34), (17, 20, 16)) & ~bone & (skin < -4), "fat")
    _fill(fractions, bone, "bone")
    _fill(fractions, marrow, "fat", share=110)
    _fill(fractions, eye, "csf")
    _fill(fractions, air, None)
    _fill(fractions, (depth < 0) & ~brain, "csf")
    base = (depth < 0) & (far > 4.5) & (at.z < -8)  # sphenoid, clivus and petrous bones rise between the lobes
    _fill(fractions, base, "bone")
    _fill(fractions, base & (far > 7), "fat", share=150)
    _fill(fractions, cord, "white")
    fractions[brain] = 0
    fractions[brain, :3] = np.rint(parts * 255).astype(np.uint8)
    return fractions


def _fill(
    fractions: npt.NDArray[np.uint8], inside: npt.NDArray[np.bool_], tissue: str | None, share: int = 255
) -> None:
    fractions[inside] = 0
    if tissue is not None:
        fractions[inside, ("csf", "grey", "white", "bone", "fat", "muscle").index(tissue)] = share


def _outside(brain: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Signed distance from the skull's inner table (negative inside it), and distance from the brain, mm."""
    coarse = brain[::STEP, ::STEP, ::STEP]
    far = ndimage.distance_transform_edt(~coarse) * STEP
    grown = far < CLOSING_MM
    closed = ndimage.distance_transform_edt(grown) * STEP - CLOSING_MM  # > 0 in the closed hull
    hull = np.maximum(closed, -far)
    outside = ndimage.distance_transform_edt(hull <= 0) - ndimage.distance_transform_edt(hull > 0)
    smooth = ndimage.gaussian_filter(outside.astype(np.float32) * STEP, 1.0)
    return _enlarged(smooth, brain.shape) - FLUID_MM, _enlarged(far.astype(np.float32), brain.shape)


def _enlarged(coarse: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    # Separable linear interpolation: one axis at a time is ten times faster than a general resampling.
    for axis, length in enumerate(shape):
        position = np.arange(length) / STEP
        low = np.minimum(position.astype(np.intp), coarse.shape[axis] - 2)
        share = (position - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        coarse = np.take(coarse, low, axis) * (1 - share) + np.take(coarse, low + 1, axis) * share
    return coarse


def _axes(shape: tuple[int, ...], first_mm: tuple[int, int, int]) -> Coordinates:
    x, y, z = np.ogrid[tuple(slice(first, first + n) for first, n in zip(first_mm, shape, strict=True))]
    return Coordinates(across=np.abs(x).astype(np.float32), y=y.astype(np.float32), z=z.astype(np.float32))


def _face_distance(at: Coordinates) -> npt.NDArray[np.float32]:
    """About the signed distance from the surface of face and neck, mm; negative inside."""
    bodies = (
        ((0, 38, -52), (68, 52, 62)),  # face
        ((0, 92, -62), (13, 12, 24)),  # nose
        ((0, -38, -100), (62, 62, 70)),  # neck
        ((0, -14, -44), (76, 66, 40)),  # cheeks and temples
    )
    distance = np.full((at.across.size, at.y.size, at.z.size), 1e3, np.float32)
    for centre, radii in bodies:
        axes = zip((at.across, at.y, at.z), centre, radii, strict=True)
        radius = np.sqrt(sum(((axis - middle) / half) ** 2 for axis, middle, half in axes))
        np.minimum(distance, (radius - 1) * min(radii), out=distance)
    return distance


def _airways(at: Coordinates) -> npt.NDArray[np.bool_]:
    nose = ellipsoid(at, (7, 62, -58), (6, 30, 18))
    sinus = ellipsoid(at, (26, 58, -62), (12, 14, 14))
    throat = ellipsoid(at, (0, 18, -92), (12, 8, 40))
    mastoid = ellipsoid(at, (52, -30, -48), (9, 10, 14))
    return np.asarray(nose | sinus | throat | mastoid)
