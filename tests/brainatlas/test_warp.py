"""Warps: files that ITK reads alike and that depend on nothing but the field, ways there and back, labels that gain."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pyarrow.parquet as pq
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from brainatlas.app import app
from brainatlas.geometry import write_itk
from brainatlas.layout import Place
from brainatlas.register.affine import AffineSettings, Brain, align, prepare
from brainatlas.register.job import suited
from brainatlas.register.maps import way_between
from brainatlas.register.syn import SynSettings, deform, syn_settings
from brainatlas.register.warp import Field, read_warp, write_warp
from brainatlas.sampling import sample_linear, sample_nearest
from braincaption.errors import ScanError, UsageError

TURNED = np.array([[0.9, 0.2, 0, 4], [-0.2, 1.1, 0.1, -3], [0, 0.1, 1.05, 7], [0, 0, 0, 1]])


def bump(height: float = 6.0) -> Field:
    """A smooth field on a turned, anisotropic grid that pushes along x, y and z differently."""
    turn = np.deg2rad(12)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]) @ np.diag(
        [4, 5, 4]
    )
    affine[:3, 3] = (-60, -70, -55)
    grid = np.stack(np.meshgrid(*map(np.arange, (31, 29, 30)), indexing="ij"), -1).astype(float)
    points = grid @ affine[:3, :3].T + affine[:3, 3]
    weight = np.exp(-((points - points.mean((0, 1, 2))) ** 2).sum(-1) / (2 * 18.0**2))
    return Field(vectors=(weight[..., None] * np.array([height, -height / 2, 2])).astype(np.float32), affine=affine)


def test_itk_moves_points_as_we_do_and_bytes_tell_no_time(tmp_path: Path) -> None:
    field = bump()
    write_warp(tmp_path / "a.h5", field, TURNED, affine_first=False)
    time.sleep(1.1)
    write_warp(tmp_path / "b.h5", field, TURNED, affine_first=False)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    write_warp(tmp_path / "back.h5", field, TURNED, affine_first=True)
    again = read_warp(tmp_path / "a.h5")
    assert np.allclose(again.vectors, field.vectors, atol=1e-6) and np.allclose(again.affine, field.affine)
    points = np.random.default_rng(1).uniform(-40, 40, (50, 3))
    flip = np.array([-1, -1, 1])
    for name, ours in (
        ("a.h5", field.move(points) @ TURNED[:3, :3].T + TURNED[:3, 3]),
        ("back.h5", field.move(points @ TURNED[:3, :3].T + TURNED[:3, 3])),
    ):
        transform = sitk.ReadTransform(str(tmp_path / name))
        theirs = np.array([transform.TransformPoint((point * flip).tolist()) for point in points]) * flip
        assert np.abs(theirs - ours).max() < 1e-4


def test_damaged_warps_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"nothing")
    with pytest.raises(ScanError, match="delete it and run register again"):
        read_warp(tmp_path / "x.h5")
    write_itk(tmp_path / "y.mat", TURNED)
    with pytest.raises(ScanError, match="holds no readable warp"):
        read_warp(tmp_path / "y.mat")


@pytest.mark.parametrize("scheme", ["template", "pairwise"])
def test_ways_are_followed_in_the_right_order(tmp_path: Path, scheme: str) -> None:
    places = [Place(out=tmp_path, cohort="c", stem=f"sub-{n}", suffix="T1w") for n in (1, 2)]
    first, second = places
    moved, back = bump(), bump(-5.0)
    if scheme == "template":
        for place, matrix in ((first, TURNED), (second, np.eye(4))):
            place.folder.mkdir(parents=True)
            write_itk(place.transform(), matrix)
            write_warp(place.warp(), moved, matrix, affine_first=False)
            write_warp(place.warp(direction="inverse"), back, np.linalg.inv(matrix), affine_first=True)
    else:
        second.folder.mkdir(parents=True)
        write_itk(second.transform(first.scan_id), TURNED)
        write_warp(second.warp(first.scan_id), moved, TURNED, affine_first=False)
        write_warp(second.warp(first.scan_id, "inverse"), back, np.linalg.inv(TURNED), affine_first=True)
    grid, shape, to_voxel = np.diag([3.0, 3, 3, 1]), (6, 5, 4), np.diag([0.5, 0.5, 0.25, 1])
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 3)
    points = voxels @ grid[:3, :3].T
    turned, undone = (lambda p: p @ TURNED[:3, :3].T + TURNED[:3, 3]), np.linalg.inv(TURNED)
    if scheme == "template":
        wanted = moved.move(back.move(points @ undone[:3, :3].T + undone[:3, 3]))
        home = turned(moved.move(back.move(points)))
    else:
        wanted, home = turned(moved.move(points)), back.move(points @ undone[:3, :3].T + undone[:3, 3])
    for space, image, expected in ((first, second, wanted), (second, first, home)):
        way = way_between(space, image, scheme, warped=True)
        found = way.offsets(grid, shape, to_voxel).reshape(-1, 3)
        found = found + points @ (to_voxel @ way.matrix)[:3, :3].T + (to_voxel @ way.matrix)[:3, 3]
        assert np.abs(found - expected @ to_voxel[:3, :3].T).max() < 1e-3
        assert way_between(space, image, scheme).fields == ()
    with pytest.raises(ScanError, match="--transform syn"):
        first.warp().unlink(missing_ok=True)
        second.warp(first.scan_id).unlink(missing_ok=True)
        way_between(first, second, scheme, warped=True)
        way_between(second, first, scheme, warped=True)


def test_offsets_move_samples() -> None:
    data = np.random.default_rng(2).random((9, 9, 9)).astype(np.float32)
    offset = np.zeros((9, 9, 9, 3), np.float32)
    offset[..., 1] = 1
    assert np.array_equal(sample_nearest(data, np.eye(4), (9, 9, 9), offset)[:, :-1], data[:, 1:])
    assert np.allclose(sample_linear(data, np.eye(4), (9, 9, 9), offset)[:, :-1], data[:, 1:])


def test_syn_finds_what_an_affine_cannot(brains: ModuleType) -> None:
    matrix, shape = brains.affine(), brains.grid_shape("RAS")
    image, _ = brains.brain(matrix, shape)
    field = Field(vectors=bump(9.0).vectors, affine=bump().affine)
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 3)
    points = voxels @ matrix[:3, :3].T + matrix[:3, 3]
    offset = ((field.move(points) - points) / brains.ZOOM).reshape(*shape, 3).astype(np.float32)
    bent = sample_linear(image.astype(np.float32), np.eye(4), shape, offset)  # bent(x) = image(x + u(x))
    settings = AffineSettings(resolution_mm=3.0)
    fixed, moving = (prepare(data, matrix, data > 0, settings) for data in (bent, image.astype(np.float32)))
    found = align(fixed, moving, settings)
    forward, inverse = deform(fixed, moving, found, SynSettings(resolution_mm=3.0, iterations=(60, 40, 0)))
    assert isinstance(fixed, Brain)
    inside = (bent > 0).ravel()
    amiss = []
    for guess in (points, forward.move(points)):
        seen = (guess @ found[:3, :3].T + found[:3, 3] - points) / brains.ZOOM
        shown = sample_linear(image.astype(np.float32), np.eye(4), shape, seen.reshape(*shape, 3).astype(np.float32))
        amiss.append(float(np.abs(shown - bent).ravel()[inside].mean()))
    assert amiss[0] > 2 and amiss[1] < 0.8 * amiss[0]  # voxels of 4 mm: part of what is left is interpolation
    assert np.linalg.norm(inverse.move(forward.move(points)) - points, axis=1)[inside].mean() < 0.2


@pytest.mark.parametrize(("voxel", "wanted"), [(1.0, 2.0), (2.6, 2.6), (5.0, 3.0)])
def test_the_working_resolution_follows_the_scan_within_bounds(tmp_path: Path, voxel: float, wanted: float) -> None:
    place = Place(out=tmp_path, cohort="c", stem="sub-1", suffix="T1w")
    place.folder.mkdir(parents=True)
    nib.save(nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), np.diag([voxel, voxel, voxel, 1])), place.brain)
    assert suited(place, AffineSettings()).resolution_mm == wanted


@pytest.mark.parametrize("word", ["syn-", "syn-9mm", "syn-0mm", "SyN", "syn-2", "warp"])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(UsageError, match="--transform"):
        syn_settings(word)


def test_syn_through_the_commands(tmp_path: Path, brains: ModuleType) -> None:
    brains.write_cohort(tmp_path / "atlas", ["1", "2"])
    brains.write_cohort(tmp_path / "new", ["x"], labelled=False, axcodes="LAS", shift=30.0)
    outs = [tmp_path / "one", tmp_path / "two"]
    for out, workers in zip(outs, ("1", "2"), strict=True):
        for words in (
            ("register", tmp_path / "atlas", tmp_path / "new", "--out", out, "--transform", "syn-6mm"),
            ("vote", out, "--method", "soft"),
            ("expand", out),
        ):
            more = () if words[0] == "expand" else ("--workers", workers)
            result = CliRunner().invoke(app, [str(word) for word in (*words, *more)])
            assert result.exit_code == 0, result.output
    assert "affine part" in result.output
    contents = [
        {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
        for out in outs
    ]
    assert contents[0] == contents[1]
    assert sum(name.endswith("_desc-syn_xfm.h5") for name in contents[0]) == 6
    about = pq.read_schema(outs[0] / "catalog.parquet").metadata[b"brainatlas.transform"]
    assert b"SyN" in about
    anat = outs[0] / "new/sub-x/anat"
    voted = np.asarray(nib.load(anat / "sub-x_space-T1w_desc-soft_dseg.nii.gz").dataobj)
    _, truth = brains.brain(brains.affine("LAS"), brains.grid_shape("LAS"))
    both = ((voted == brains.LEFT) & (truth == brains.LEFT)).sum()
    assert 2 * both / ((voted == brains.LEFT).sum() + (truth == brains.LEFT).sum()) > 0.8
    before = (anat / "sub-x_from-template_to-T1w_mode-image_desc-syn_xfm.h5").stat().st_mtime_ns
    (anat / "sub-x_from-T1w_to-template_mode-image_desc-syn_xfm.h5").unlink()
    words = ["register", tmp_path / "atlas", tmp_path / "new", "--out", outs[0], "--plugin", "Linear"]
    other = CliRunner().invoke(app, [*map(str, words), "--transform", "affine"])
    assert other.exit_code == 2 and "syn-6mm" in other.output
    assert CliRunner().invoke(app, [*map(str, words), "--transform", "syn-6mm"]).exit_code == 0
    assert (anat / "sub-x_from-template_to-T1w_mode-image_desc-syn_xfm.h5").stat().st_mtime_ns > before
    again = {str(p.relative_to(outs[0])): p.read_bytes() for p in sorted(outs[0].rglob("*")) if p.is_file()}
    assert again == contents[1]
