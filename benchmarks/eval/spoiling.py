"""Slices and a strength in, the same slices spoilt in one way out: what a metric should notice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from braineval.label_slices import LabelSlices
from braineval.slices import Arrays, Slices, from_reader, pair

Images = npt.NDArray[np.uint8]
Spoiler = Callable[[Images, int, np.random.Generator], Images]
STRENGTHS = (1, 2, 3)
VENTRICLES = (4, 5, 14, 15, 43, 44)


def blur(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Smooth by σ = 0.4, 0.8, 1.2 pixels."""
    return np.stack([ndimage.gaussian_filter(image, 0.4 * strength) for image in images])


def noise(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Add Rician noise of 2, 4, 6 % of the grey range."""
    spread = 0.02 * strength * 255
    real, other = rng.normal(0, spread, (2, *images.shape))
    return np.hypot(images + real, other).clip(0, 255).astype(np.uint8)


def ghosting(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Add a ghost of 8, 16, 24 % shifted by half the picture, as a patient's breathing makes."""
    shifted = np.roll(images, images.shape[1] // 2, axis=1)
    return (images + 0.08 * strength * shifted).clip(0, 255).astype(np.uint8)


def bias(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Multiply by a slope that falls by 20, 40, 60 % from left to right."""
    slope = 1 - 0.2 * strength * np.linspace(0, 1, images.shape[2])
    return (images * slope).astype(np.uint8)


def wrong_side(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Turn left and right round in a third, two thirds, all of the slices."""
    turned = rng.random(len(images)) < strength / 3
    return np.where(turned[:, None, None], images[:, :, ::-1], images)


PIXELS: dict[str, Spoiler] = {
    "blur": blur,
    "noise": noise,
    "ghosting": ghosting,
    "bias field": bias,
    "wrong side": wrong_side,
}


def without_ventricles(clean: Slices, truth: LabelSlices, strength: int, rng: np.random.Generator) -> Slices:
    """Fill the true ventricles with the grey around them in a third, two thirds, all of the slices."""
    left, right = pair(clean, truth.slices)
    classes = [1 + truth.labels.index(label) for label in VENTRICLES if label in truth.labels]
    holes = np.isin(truth.slices.images(right), classes)
    pixels = clean.images(left)
    for i in np.flatnonzero(rng.random(len(pixels)) < strength / 3):
        hole = ndimage.binary_dilation(holes[i])
        around = ndimage.binary_dilation(hole, iterations=2) & ~hole & (pixels[i] > 0)
        if holes[i].any() and around.any():
            pixels[i, hole] = np.median(pixels[i, around])
    return from_reader(Arrays(table=clean.table.iloc[left].reset_index(drop=True), pixels=pixels), "ventricles")


def wrong_contrast(clean: Slices, strength: int, rng: np.random.Generator) -> Slices:
    """Ask for another contrast than is shown in 10, 20, 30 % of the slices."""
    table = clean.table
    names = sorted(table["sequence"].unique())
    wrong = rng.random(len(table)) < 0.1 * strength
    pairs = zip(table["sequence"], wrong, strict=True)
    table["sequence"] = [names[(names.index(asked) + turn) % len(names)] for asked, turn in pairs]
    return from_reader(Arrays(table=table, pixels=clean.images()), "contrast")


def copies(real: Slices, clean: Slices, strength: int, rng: np.random.Generator) -> Slices:
    """Put training slices, with what was asked for them, in the place of 10, 20, 30 % of the slices."""
    pixels, table = clean.images(), clean.table
    chosen = np.flatnonzero(rng.random(len(clean)) < 0.1 * strength)
    copied = rng.choice(np.flatnonzero(real.column("split") == "train"), len(chosen))
    pixels[chosen] = real.images(copied)
    for name in ("sequence", "caption"):
        table.loc[chosen, name] = real.column(name)[copied]
    return from_reader(Arrays(table=table, pixels=pixels), "copies")


def spoilt(real: Slices, clean: Slices, truth: LabelSlices) -> list[tuple[str, int, Slices]]:
    """Return the unspoilt slices and every spoilt variant, with the name and strength of what was done."""
    found = [("nothing", 0, clean)]
    for strength in STRENGTHS:
        for name, function in PIXELS.items():
            pixels = function(clean.images(), strength, np.random.default_rng(strength))
            found.append((name, strength, from_reader(Arrays(table=clean.table, pixels=pixels), name)))
        found += [
            ("no ventricles", strength, without_ventricles(clean, truth, strength, np.random.default_rng(strength))),
            ("swapped contrast", strength, wrong_contrast(clean, strength, np.random.default_rng(strength))),
            ("training slices", strength, copies(real, clean, strength, np.random.default_rng(strength))),
        ]
    return found
