"""Bias fields: a shaded head comes out even, an even one stays, and a store keeps both what was acquired and that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainldm.tumsyn.bias import corrected
from brainldm.tumsyn.cohort import read_cohort
from brainldm.tumsyn.volumes import stored_volumes

SIDE, ZOOMS = 48, (3.0, 3.0, 3.0)
LEVELS = np.array([0.0, 0.2, 0.55, 0.8], dtype=np.float32)


def tissues() -> np.ndarray:
    """Return a ball in which three tissues lie in folds, so that each is met everywhere."""
    at = np.indices((SIDE,) * 3) - SIDE / 2
    folds = np.sin(at[0] / 2.1) + np.sin(at[1] / 2.7) + np.sin(at[2] / 2.4)
    found = 1 + np.digitize(folds, [-0.8, 0.5])
    return np.where((at**2).sum(axis=0) < (0.45 * SIDE) ** 2, found, 0)


def shading(strength: float) -> np.ndarray:
    """Return a smooth gain, brighter on one side and in the middle."""
    x, y, z = np.indices((SIDE,) * 3) / (SIDE / 2) - 1
    return np.exp(strength * (x - 0.5 * y - 0.7 * (x**2 + y**2 + z**2)))


@pytest.mark.parametrize("strength", [0.1, 0.25])
def test_a_shaded_head_comes_out_even(strength: float) -> None:
    tissue = tissues()
    noise = np.random.default_rng(0).normal(0, 0.01, tissue.shape)
    shaded = ((LEVELS[tissue] + noise) * shading(strength) * (tissue > 0)).clip(0).astype(np.float32)
    shaded /= shaded.max()
    even = corrected(shaded, ZOOMS)
    spread = {name: np.mean([np.log(one[tissue == kind]).std() for kind in (2, 3)])
              for name, one in (("before", shaded), ("after", even))}  # fmt: skip
    assert spread["after"] < 0.5 * spread["before"], spread
    assert (even.min(), even.max()) == (0, 1)
    assert not even[tissue == 0].any(), "nothing appears around the head"
    assert np.array_equal(even, corrected(shaded, ZOOMS)), "equal bits"


def test_an_even_head_stays_as_it_is() -> None:
    tissue = tissues()
    even = (LEVELS[tissue] / LEVELS[-1]).astype(np.float32)
    found = corrected(even, ZOOMS)
    assert np.abs(found - even).max() < 0.05
    assert (found == 1).mean() == pytest.approx((even == 1).mean(), abs=0.02), "as many at the top as before"


def test_a_head_of_few_voxels_is_returned() -> None:
    small = np.zeros((12, 12, 12), dtype=np.float32)
    small[3:9, 3:9, 3:9] = 0.5
    assert corrected(small, ZOOMS) is small
    assert not corrected(np.zeros_like(small), ZOOMS).any()


@pytest.mark.parametrize(
    ("shape", "zooms"), [((60, 60, 1), (3, 3, 5)), ((60, 60, 2), (3, 3, 5)), ((90, 8, 90), (2, 1, 2))]
)
def test_a_slab_is_returned(shape: tuple[int, ...], zooms: tuple[float, ...]) -> None:
    slab = np.random.default_rng(0).uniform(0.1, 1, shape).astype(np.float32)
    assert corrected(slab, zooms) is slab


def test_a_thick_slab_of_one_grey_value_stays() -> None:
    slab = np.ones((60, 60, 12), dtype=np.float32)
    assert np.abs(corrected(slab, (3.0, 3.0, 5.0)) - slab).max() < 1e-3


def test_the_store_keeps_what_was_acquired_beside_what_is_shown(cohort: Path, tmp_path: Path) -> None:
    scans = read_cohort(cohort)
    plain = stored_volumes(scans, "train", tmp_path / "v")
    assert all(one.shown() is one.open() for one in plain.stored)
    both = stored_volumes(scans, "train", tmp_path / "v", bias_corrected=True)
    assert both.fingerprint != plain.fingerprint, "another model comes of it"
    for before, after in zip(plain.stored, both.stored, strict=True):
        assert np.array_equal(before.open(), after.open())
        assert after.shown_file != after.file
        assert after.shown().shape == after.open().shape
