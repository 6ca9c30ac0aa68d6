"""Volumes that no stage could use are refused where they are read, with the file's name and a remedy."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from braincaption.errors import ScanError
from braincaption.nifti import Volume, load_image, load_labels, same_grid


def _save(path: Path, data: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nib.save(nib.Nifti1Image(data, np.eye(4) if affine is None else affine), path)
    return path


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_trailing_axis_of_one_is_three_dimensional(tmp_path: Path) -> None:
    assert load_image(_save(tmp_path / "a.nii.gz", _noise(4, 5, 6, 1))).data.shape == (4, 5, 6)


def test_series_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match=r"series of shape \(4, 5, 6, 3\)"):
        load_image(_save(tmp_path / "a.nii.gz", _noise(4, 5, 6, 3)))


def test_nan_is_refused_with_its_count(tmp_path: Path) -> None:
    data = _noise(4, 5, 6)
    data[0, 0, :2] = np.nan
    with pytest.raises(ScanError, match="2 NaN"):
        load_image(_save(tmp_path / "a.nii.gz", data))


def test_all_zero_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="one value everywhere"):
        load_image(_save(tmp_path / "a.nii.gz", np.zeros((4, 5, 6), np.int16)))


@pytest.mark.parametrize("kept", [0, 30, 200, -20])
def test_truncated_gzip_is_refused(tmp_path: Path, kept: int) -> None:
    path = _save(tmp_path / "a.nii.gz", _noise(20, 20, 20))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ScanError, match=r"a\.nii\.gz"):
        load_image(path)


def test_gzip_of_too_few_voxels_is_refused(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.nii.gz", _noise(20, 20, 20))
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:1000]))
    with pytest.raises(ScanError, match="truncated or damaged"):
        load_image(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="does not exist"):
        load_image(tmp_path / "none.nii.gz")


def test_singular_affine_is_refused(tmp_path: Path) -> None:
    image = nib.Nifti1Image(_noise(4, 5, 6), np.eye(4))
    image.set_sform(np.diag([1, 1, 0, 1]), code=1)
    nib.save(image, tmp_path / "a.nii.gz")
    with pytest.raises(ScanError, match="affine"):
        load_image(tmp_path / "a.nii.gz")


def test_whole_float_labels_are_read_as_integers(tmp_path: Path) -> None:
    volume = load_labels(_save(tmp_path / "a.nii.gz", np.full((3, 3, 3), 2035, np.float32)))
    assert volume.data.dtype == np.uint16
    assert int(volume.data.sum()) == 27 * 2035


@pytest.mark.parametrize(("value", "reason"), [(0.5, "whole"), (-1.0, "from -1"), (70000.0, "70000")])
def test_what_is_no_label_map_is_refused(tmp_path: Path, value: float, reason: str) -> None:
    with pytest.raises(ScanError, match=reason):
        load_labels(_save(tmp_path / "a.nii.gz", np.full((3, 3, 3), value, np.float32)))


def test_grids_are_one_when_corners_agree() -> None:
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    first = Volume(data=np.zeros((90, 90, 90)), affine=affine, path=Path("a"))
    near, far = affine.copy(), affine.copy()
    near[0, 3] += 1e-3
    far[0, 0] += 1e-3  # 0.09 mm at the far corner
    assert same_grid(first, Volume(data=first.data, affine=near, path=Path("b")))
    assert not same_grid(first, Volume(data=first.data, affine=far, path=Path("c")))
    assert not same_grid(first, Volume(data=first.data[1:], affine=affine, path=Path("d")))
