"""Planes come from the affine: any axis order names the same anatomy, oblique grids carry their angle."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braincaption.errors import ScanError
from braincaption.orientation import axcodes, slice_axes


def affine_of(codes: str, zooms: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> np.ndarray:
    """Affine of a grid whose array axes point along `codes`."""
    orientation = nib.orientations.axcodes2ornt(tuple(codes))
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (world, sign) in enumerate(orientation):
        affine[int(world), axis] = sign * zooms[axis]
    return affine


def turned(degrees: float) -> np.ndarray:
    """RAS affine turned about the left–right axis."""
    angle = np.radians(degrees)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return affine


@pytest.mark.parametrize(("codes", "axial"), [("RAS", 2), ("LAS", 2), ("ASL", 1), ("PSR", 1), ("LPI", 2), ("SRA", 0)])
def test_axial_follows_the_axis_codes(codes: str, axial: int) -> None:
    axes = slice_axes(affine_of(codes))
    assert axes["axial"].axis == axial
    assert axcodes(affine_of(codes)) == codes
    assert axes["axial"].sign == (1 if "S" in codes else -1)


def test_sixteen_degrees_keep_their_plane_and_record_the_angle() -> None:
    axes = slice_axes(turned(16))
    assert axes["axial"].oblique_deg == pytest.approx(16)
    assert axes["coronal"].oblique_deg == pytest.approx(16)
    assert axes["sagittal"].oblique_deg == pytest.approx(0, abs=1e-6)


@given(st.floats(-44, 44), st.permutations(["R", "A", "S"]), st.tuples(*[st.floats(0.3, 6)] * 3))
def test_every_grid_up_to_45_degrees_has_three_planes(
    degrees: float, order: list[str], zooms: tuple[float, float, float]
) -> None:
    affine = turned(degrees) @ affine_of("".join(order), zooms)
    axes = slice_axes(affine)
    assert set(axes) == {"axial", "coronal", "sagittal"}
    assert sorted(axis.axis for axis in axes.values()) == [0, 1, 2]
    for axis in axes.values():
        assert axis.thickness_mm == pytest.approx(zooms[axis.axis], rel=1e-6)


def test_sheared_grid_beyond_45_degrees_is_refused() -> None:
    affine = np.eye(4)
    affine[:3, 2] = [0, 3, 1]  # the slice axis leans 72° forward, and so do the planes that hold it
    with pytest.raises(ScanError, match="45"):
        slice_axes(affine)
