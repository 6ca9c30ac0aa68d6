"""Whole volumes: patches blend without a seam, on any grid, and a made volume lies where its source lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from braincaption.errors import UsageError
from braincaption.nifti import Volume
from brainldm.tumsyn.facts import Facts
from brainldm.tumsyn.generate import VolumeMaker
from brainldm.tumsyn.grid import Grid
from brainldm.tumsyn.infer import synthesise
from brainldm.tumsyn.settings import InferenceSettings

HOW = InferenceSettings(patch=8, overlap=0.25, batch=3, mirrored=False, queries=97)
MIRRORED = replace(HOW, mirrored=True)


class Copier(torch.nn.Module):
    """A network that gives back the patch, interpolated trilinearly."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def features(self, patch: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        return patch

    def decoder(self, features: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        where = points.flip(-1)[:, :, None, None]
        return torch.nn.functional.grid_sample(features, where, align_corners=False, padding_mode="border").flatten(1)


class OneSided(Copier):
    """A copier that makes the patch's right brighter and its left darker."""

    def features(self, patch: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        assert len(patch) == len(text)
        return patch + torch.linspace(-0.1, 0.1, patch.shape[2]).view(1, 1, -1, 1, 1)


def copied(
    voxels: np.ndarray,
    zooms: tuple[float, ...] = (3.0, 3.0, 3.0),
    how: InferenceSettings = HOW,
    network: Any = None,
) -> np.ndarray:
    source = Grid(shape=voxels.shape, affine=np.diag([3.0, 3.0, 3.0, 1.0]))
    return synthesise(network or Copier(), torch.zeros(1, 1), voxels, source, source.at(zooms), how)


@pytest.mark.parametrize("how", [HOW, MIRRORED])
@pytest.mark.parametrize("shape", [(8, 8, 8), (17, 20, 9), (5, 30, 8)])
def test_a_copy_on_the_same_grid_is_exact(shape: tuple[int, ...], how: InferenceSettings) -> None:
    voxels = np.random.default_rng(0).uniform(0.1, 1, shape).astype(np.float32)
    assert np.abs(copied(voxels, how=how) - voxels).max() < 1e-5


def test_what_a_network_does_to_one_side_cancels_in_mirrored_patches() -> None:
    voxels = np.random.default_rng(0).uniform(0.2, 0.8, (17, 20, 9)).astype(np.float32)
    assert np.abs(copied(voxels, how=HOW, network=OneSided()) - voxels).max() > 0.05
    assert np.abs(copied(voxels, how=MIRRORED, network=OneSided()) - voxels).max() < 1e-5


def test_a_ramp_stays_a_ramp_across_patches_on_other_grids() -> None:
    ramp = np.linspace(0.1, 0.9, 24, dtype=np.float32)[:, None, None] * np.ones((1, 12, 12), dtype=np.float32)
    step = float(ramp[1, 0, 0] - ramp[0, 0, 0])
    for zoom in (2.0, 1.0, 4.0):
        made = copied(ramp, (zoom, 3.0, 3.0))
        inner = made[2:-2, 6, 6] if zoom < 3 else made[1:-1, 6, 6]
        assert np.diff(inner) == pytest.approx(np.full(len(inner) - 1, step * zoom / 3), abs=0.35 * step * zoom / 3)
        assert inner.mean() == pytest.approx(0.5, abs=1e-3)


def test_what_is_dark_stays_dark_and_holds_nothing_up() -> None:
    voxels = np.zeros((30, 30, 30), dtype=np.float32)
    voxels[10:15, 10:15, 10:15] = 0.5
    made = copied(voxels)
    assert np.array_equal(made, voxels)


@pytest.fixture
def maker(model: Path) -> VolumeMaker:
    made = VolumeMaker(model)
    made.network = Copier()  # type: ignore[assignment]
    made.record = replace(made.record, inference=HOW)
    return made


def blob(shape: tuple[int, ...], at: tuple[int, ...]) -> np.ndarray:
    """Return a smooth bump centred on a voxel."""
    distance = sum((axis - where) ** 2 for axis, where in zip(np.indices(shape), at, strict=True))
    return np.exp(-distance / 18).astype(np.float32)


def centre_mm(data: np.ndarray, affine: np.ndarray) -> np.ndarray:
    heavy = np.where(data > 0.5, data, 0)
    middle = [(np.indices(data.shape)[axis] * heavy).sum() / heavy.sum() for axis in range(3)]
    return (affine @ [*middle, 1])[:3]


@pytest.mark.parametrize("axes", [[[0, 1], [1, 1], [2, 1]], [[2, -1], [0, 1], [1, -1]], [[1, 1], [0, -1], [2, 1]]])
@pytest.mark.parametrize("zooms", [None, (2.0, 2.0, 2.0), (1.0, 3.0, 2.5)])
def test_the_affine_is_right_for_any_orientation_oblique_ones_too(
    maker: VolumeMaker, axes: list[list[int]], zooms: tuple[float, ...] | None
) -> None:
    turn = nib.eulerangles.euler2mat(0.2, -0.15, 0.1)
    image = nib.Nifti1Image(blob((20, 22, 24), (8, 12, 13)), nib.affines.from_matvec(turn * [3, 2.5, 3], [5, -60, 7]))
    image = image.as_reoriented(np.array(axes))
    source = Volume(data=np.asarray(image.dataobj), affine=np.asarray(image.affine), path=Path("t1.nii.gz"))
    made = maker.make(source, Facts(contrast="T2w"), zooms)
    wanted = zooms or tuple(source.zooms)
    assert np.allclose(np.sqrt((made.affine[:3, :3] ** 2).sum(axis=0)), wanted)
    assert nib.aff2axcodes(made.affine) == nib.aff2axcodes(source.affine)
    assert np.allclose(made.affine @ [-0.5, -0.5, -0.5, 1], source.affine @ [-0.5, -0.5, -0.5, 1], atol=3)
    gap = centre_mm(made.data, made.affine) - centre_mm(source.data, source.affine)
    assert np.abs(gap).max() < 0.25
    if zooms is None:
        assert made.data.shape == source.data.shape
        assert np.allclose(made.affine, source.affine)


def test_the_prompts_voxel_size_counts_until_another_is_asked_for(maker: VolumeMaker) -> None:
    source = Volume(data=blob((12, 12, 12), (6, 6, 6)), affine=np.diag([3.0, 3, 3, 1]), path=Path("t1.nii"))
    facts = Facts(contrast="T2w", zooms=(2.0, 2.0, 2.0))
    assert maker.make(source, facts).data.shape == (18, 18, 18)
    assert maker.make(source, facts, (1.0, 3.0, 3.0)).data.shape == (36, 12, 12)
    assert maker.make(source, facts, (1.0, 3.0, 3.0)).facts.zooms == (1.0, 3.0, 3.0)
    with pytest.raises(UsageError, match="ask for larger ones"):
        maker.make(source, facts, (0.01, 0.01, 0.01))
