"""The ICBM152 maps that nilearn ships in, a labelled head with tissue fractions out: what every phantom is warped from.

The symmetric ICBM152 2009a template (Fonov et al. 2011, doi:10.1016/j.neuroimage.2010.07.033) gives T1, grey and white
matter of an average brain. Deep structures are placed in its MNI coordinates as tubes and ellipsoids, cut to the
template's own borders; numbers are FreeSurfer's (Fischl et al. 2002, doi:10.1016/S0896-6273(02)00569-X), left first.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from brainatlas.phantom.head import wrap_head
from brainatlas.phantom.shapes import Coordinates, ellipsoid, lens, table, tube

TISSUES = ("csf", "grey", "white", "bone", "fat", "muscle")
FIRST_MM = (-104, -142, -104)  # world coordinates of the template's first voxel; its grid is 1 mm, RAS
SHAPE = (209, 257, 225)
DARK = 0.5  # ICBM T1 below this share of its white matter is fluid

# FreeSurfer numbers of the IBSR set: (left, right), or one number on the midline.
PAIRED = {
    "white": (2, 41),
    "cortex": (3, 42),
    "lateral_ventricle": (4, 43),
    "inferior_lateral_ventricle": (5, 44),
    "cerebellum_white": (7, 46),
    "cerebellum_cortex": (8, 47),
    "thalamus": (10, 49),
    "caudate": (11, 50),
    "putamen": (12, 51),
    "pallidum": (13, 52),
    "hippocampus": (17, 53),
    "amygdala": (18, 54),
    "accumbens": (26, 58),
    "ventral_dc": (28, 60),
}
MIDLINE = {"third_ventricle": 14, "fourth_ventricle": 15, "brainstem": 16, "csf": 24}

# Height of the tentorium, mm, by distance from the midline (rows) and anterior coordinate (columns).
_TENT_X = (0.0, 6.0, 14.0, 26.0, 35.0, 45.0, 62.0)
_TENT_Y = (-95.0, -80.0, -70.0, -60.0, -50.0, -40.0, -30.0)
_TENT_Z = (
    (-22, -16, -8, -1, 3, 3, 0),
    (-22, -16, -9, -3, 0, -3, -8),
    (-22, -17, -14, -12, -11, -13, -19),
    (-22, -18, -16, -15, -17, -22, -30),
    (-24, -20, -18, -18, -21, -27, -36),
    (-28, -24, -22, -22, -26, -32, -40),
    (-34, -30, -28, -28, -32, -38, -46),
)
# Cross-sections of the brainstem by height, mm: z, centre y, half depth, half width.
_STEM = (
    (-4, -27, 8, 10),
    (-8, -26, 11, 14),
    (-12, -25, 13, 16),
    (-16, -25, 14, 17),
    (-22, -25.5, 13.5, 18),
    (-30, -25.5, 13.5, 19),
    (-38, -30, 13, 18),
    (-46, -35, 11, 13),
    (-55, -40, 9.5, 10),
    (-65, -44, 9, 9),
    (-76, -47, 9, 9),
)


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """The template head on a 1 mm RAS grid whose first voxel lies at `FIRST_MM`.

    Attributes
    ----------
    labels : ndarray of uint8, shape `SHAPE`
        FreeSurfer numbers; 0 outside the named structures.
    brain : ndarray of uint8, shape `SHAPE`
        1 inside the brain mask (sulcal fluid included).
    fractions : ndarray of uint8, shape `SHAPE` + (6,)
        Share of each of `TISSUES` in a voxel, 255 = all of it.
    growth : ndarray of float32, shape `SHAPE` // 4 + (3,)
        Unit-peak displacement that widens the ventricles, on a 4 mm grid from `FIRST_MM`.
    """

    labels: npt.NDArray[np.uint8]
    brain: npt.NDArray[np.uint8]
    fractions: npt.NDArray[np.uint8]
    growth: npt.NDArray[np.float32]


@functools.lru_cache(maxsize=1)
def template_anatomy() -> Anatomy:
    """Build the template head once per process (about three seconds)."""
    t1, grey, white = (_padded(volume) for volume in _icbm())
    brain = ndimage.binary_fill_holes(t1 > 0)
    solid = t1 > 0.62  # well above fluid: the maps' missing share there is not fluid
    missing = np.where(solid, 1 / np.maximum(grey + white, np.float32(0.3)), np.float32(1))
    grey, white = grey * missing, white * missing
    where = _coordinates()
    labels = _label(t1, grey, white, brain, where)
    labels[~brain] = 0
    parts = _parts(labels[brain], grey[brain], white[brain])
    return Anatomy(
        labels=labels,
        brain=brain.astype(np.uint8),
        fractions=wrap_head(brain, parts, FIRST_MM),
        growth=_growth(np.isin(labels, (4, 43, 14))),
    )


def _icbm() -> list[npt.NDArray[np.float32]]:
    from nilearn import datasets

    loaders = (datasets.load_mni152_template, datasets.load_mni152_gm_template, datasets.load_mni152_wm_template)
    return [np.asarray(load(resolution=1).dataobj, dtype=np.float32) for load in loaders]


def _padded(volume: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    padded = np.zeros(SHAPE, np.float32)
    start = [first - origin for first, origin in zip((-98, -134, -72), FIRST_MM, strict=True)]
    x, y, z = (slice(a, a + n) for a, n in zip(start, volume.shape, strict=True))
    padded[x, y, z] = volume
    return padded


def _coordinates() -> Coordinates:
    x, y, z = np.ogrid[tuple(slice(first, first + n) for first, n in zip(FIRST_MM, SHAPE, strict=True))]
    return Coordinates(across=np.abs(x).astype(np.float32), y=y.astype(np.float32), z=z.astype(np.float32))


def _label(
    t1: npt.NDArray[np.float32],
    grey: npt.NDArray[np.float32],
    white: npt.NDArray[np.float32],
    brain: npt.NDArray[np.bool_],
    at: Coordinates,
) -> npt.NDArray[np.uint8]:
    """Name every voxel of the brain; later lines win over earlier ones."""
    named: dict[str, npt.NDArray[np.bool_]] = {}
    fluid = brain & (t1 < DARK)
    tissue = brain & ~fluid & (grey + white > 0.5)
    stem = _brainstem(at) & tissue
    cerebellum = (at.z < table(at, _TENT_X, _TENT_Y, _TENT_Z)) & (at.y < -29)
    deep = (at.across < 33) & (at.y > -25) & (at.y < 25) & (at.z > -9) & (at.z < 19)
    mostly_white = white > grey
    named["cortex"] = tissue & ~mostly_white & ~cerebellum & ~deep
    named["white"] = tissue & (mostly_white | deep) & ~cerebellum
    named["cerebellum_cortex"] = tissue & ~mostly_white & cerebellum
    named["cerebellum_white"] = tissue & mostly_white & cerebellum
    named |= _deep_grey(grey, white, tissue, stem, at)
    named |= _ventricles(fluid, at)
    labels = np.zeros(SHAPE, np.uint8)
    left = np.broadcast_to((np.arange(SHAPE[0]) + FIRST_MM[0] < 0)[:, None, None], SHAPE)
    for name, inside in named.items():
        pair = PAIRED.get(name) or (MIDLINE[name], MIDLINE[name])
        labels[inside & left] = pair[0]
        labels[inside & ~left] = pair[1]
    return labels


def _deep_grey(
    grey: npt.NDArray[np.float32],
    white: npt.NDArray[np.float32],
    tissue: npt.NDArray[np.bool_],
    stem: npt.NDArray[np.bool_],
    at: Coordinates,
) -> dict[str, npt.NDArray[np.bool_]]:
    return {
        "ventral_dc": tissue & ellipsoid(at, (11.5, -13.5, -6.5), (11, 11, 7)),
        "brainstem": stem,
        "thalamus": tissue & (white < 0.8) & ellipsoid(at, (11.5, -18.5, 7), (12, 15.5, 11.5)),
        "caudate": tissue
        & (grey > 0.45)
        & (
            ellipsoid(at, (12, 14, 6), (7, 11, 13))
            | tube(at, ((14, 5, 17), (16, -6, 21), (18, -16, 22), (21, -25, 20)), 4.5, 5)
        ),
        "accumbens": tissue & (grey > 0.45) & ellipsoid(at, (9.5, 11, -7.5), (5.5, 6, 5)),
        "putamen": tissue & (grey > 0.3) & lens(at, (26, 1, 1.5), (6.5, 21, 13), -0.26),
        "pallidum": tissue & lens(at, (18.7, -4, -0.5), (5.2, 12, 8), -0.45),
        "amygdala": tissue & ellipsoid(at, (23, -3, -20), (8.5, 7.5, 8.5)),
        "hippocampus": tissue
        & (grey > 0.35)
        & tube(
            at,
            ((25, -11, -20.5), (28, -16, -18), (28.5, -24, -13.5), (27, -32, -7), (23, -37, -1), (18, -39.5, 4)),
            6.5,
            5,
        ),
    }


def _ventricles(fluid: npt.NDArray[np.bool_], at: Coordinates) -> dict[str, npt.NDArray[np.bool_]]:
    horns = ((5, 30, 3), (5, 20, 8), (6, 5, 18), (9, -12, 22), (15, -25, 22), (23, -36, 17), (29, -44, 8), (30, -54, 4))
    # The cisterns around the midbrain and over the optic chiasm, and the fourth ventricle behind the pons.
    cisterns = ellipsoid(at, (0, -36, 0), (12, 8, 8)) | ellipsoid(at, (0, -4, -14), (12, 9, 8))
    fourth = tube(at, ((0, -35, -10), (0, -40, -24), (0, -45, -34), (0, -43, -46)), 9, 6)
    return {
        "csf": fluid & cisterns,
        "inferior_lateral_ventricle": np.broadcast_to(
            tube(at, ((33, -7, -23), (35.5, -14, -18), (36, -22, -13), (36, -30, -8), (33, -37, -4)), 2.2, 2.2), SHAPE
        ),
        "lateral_ventricle": fluid & tube(at, horns, 12, 12) & ~((at.z < 6) & (at.y < -24) & (at.across < 22)),
        "third_ventricle": fluid & (at.across < 5) & (at.y > -27) & (at.y < 4) & (at.z > -18) & (at.z < 11),
        "fourth_ventricle": fluid & fourth,
    }


def _brainstem(at: Coordinates) -> npt.NDArray[np.bool_]:
    z, centre, depth, width = np.array(_STEM, dtype=np.float32)[::-1].T
    middle, half_y, half_x = (np.interp(at.z, z, values) for values in (centre, depth, width))
    inside = (at.across / half_x) ** 2 + ((at.y - middle) / half_y) ** 2 < 1
    return np.asarray(inside & (at.z < -3) & (at.z > -73))


def _parts(
    labels: npt.NDArray[np.uint8], grey: npt.NDArray[np.float32], white: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return fluid, grey and white matter of voxels, shape (voxels, 3), each row adding up to 1."""
    fluid = np.isin(labels, (4, 43, 5, 44, 14, 15))
    parts = np.stack([1 - grey - white, grey, white], axis=-1)
    parts[fluid] = (1, 0, 0)
    # The template is an average of 152 people: one person's borders are crisper.
    steep = np.clip((parts - 0.5) * 1.7 + 0.5, 0.0, 1.0)
    return np.asarray(steep / np.maximum(steep.sum(axis=-1, keepdims=True), 1e-3), dtype=np.float32)


def _growth(ventricles: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    coarse = ndimage.gaussian_filter(ventricles.astype(np.float32), 2.0)[::4, ::4, ::4]
    smooth = ndimage.gaussian_filter(coarse, 1.6)
    outward = -np.stack(np.gradient(smooth), axis=-1)
    return np.asarray(outward / np.linalg.norm(outward, axis=-1).max(), dtype=np.float32)
