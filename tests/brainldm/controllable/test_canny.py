"""8-bit slices in: edges where hand-made pictures have them, and OpenCV's own edges to the pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainldm.controllable.canny import canny

OPENCV = Path(__file__).with_name("opencv_edges.npz")  # cv2.Canny(picture, 100, 200) of OpenCV 5.0.0, eight a byte


@pytest.mark.parametrize("i", range(8))
def test_edges_are_opencvs_to_the_pixel(i: int) -> None:
    with np.load(OPENCV) as kept:
        picture, packed = kept[f"picture{i}"], kept[f"edges{i}"]
    wanted = np.unpackbits(packed, count=picture.size).astype(bool).reshape(picture.shape)
    assert 0 < wanted.sum() < wanted.size
    assert np.array_equal(canny(picture), wanted)


def test_a_step_is_one_line_on_its_first_side() -> None:
    picture = np.zeros((7, 8), dtype=np.uint8)
    picture[:, 4:] = 100
    assert np.argwhere(canny(picture).any(axis=0)).ravel().tolist() == [3], "both columns are as large: the left counts"
    assert np.argwhere(canny(picture.T).any(axis=1)).ravel().tolist() == [3]


def test_the_two_thresholds_bound_the_magnitude() -> None:
    """A step of g has |dx| = 4 g: 200 must be exceeded once on a line, 100 on each of its pixels."""

    def step(low: int, high: int) -> int:
        picture = np.zeros((20, 8), dtype=np.uint8)
        picture[:10, 4:], picture[10:, 4:] = high, low
        return int(canny(picture)[:, 3].sum())

    assert step(50, 50) == 0, "200 is not above 200"
    assert step(51, 51) == 20
    assert step(26, 60) >= 17, "the weak half hangs on the strong one, but where the two meet"
    assert step(24, 60) <= 11, "96 is not above 100"


def test_a_weak_line_hangs_on_a_strong_one_by_a_corner() -> None:
    picture = np.zeros((12, 12), dtype=np.uint8)
    picture[:6, 6:] = 30
    assert canny(picture).sum() == 0, "120 is not above 200"
    picture[6:, :6] = 90
    assert canny(picture)[:5, 5].sum() == 5, "reached from the strong square, which it touches at a corner alone"


@given(st.integers(0, 2**32 - 1), st.sampled_from([(9, 14), (16, 16), (3, 5)]))
@settings(max_examples=30, deadline=None)
def test_higher_thresholds_never_add_edges_and_constants_have_none(seed: int, shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    assert not (canny(picture, 150, 300) & ~canny(picture, 100, 200)).any()
    assert not canny(np.full(shape, seed % 256, dtype=np.uint8)).any()
    assert np.array_equal(canny(picture), canny(255 - picture)), "a negative has the same gradients"


def test_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="wanted uint8"):
        canny(np.zeros((4, 4), dtype=np.float32))  # type: ignore[arg-type]
