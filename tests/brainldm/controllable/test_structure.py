"""Masks in every form in: the lines that they stand for, turned as their affine says; what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from braincaption.errors import UsageError
from braincaption.slicefolder import encode_png
from brainldm.controllable.agreement import tolerant_dice
from brainldm.controllable.canny import canny
from brainldm.controllable.settings import ControlSettings, load_control_config
from brainldm.controllable.structure import label_borders, read_mask
from brainldm.niftislice import slice_affine

SHAPE = (6, 8)


@pytest.fixture
def settings() -> ControlSettings:
    return load_control_config("tiny").control


@pytest.fixture
def labels() -> np.ndarray:
    """Labels as a picture: a region of 17 off the centre, one pixel of 53 below it on the right."""
    drawn = np.zeros(SHAPE, dtype=np.int16)
    drawn[1:3, 1:4] = 17
    drawn[4, 6] = 53
    return drawn


def saved(picture: np.ndarray, path: Path, plane: str, side: str) -> Path:
    """Write a picture of labels as NIfTI, as brainldm.niftislice does."""
    affine = slice_affine(plane, side, 5.0, 2.0, SHAPE)
    nib.save(nib.Nifti1Image(np.ascontiguousarray(picture.T[:, :, None]), affine), path)
    return path


@pytest.mark.parametrize("side", ["radiological", "neurological"])
@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_label_map_gives_its_borders_however_it_is_stored(
    labels: np.ndarray, settings: ControlSettings, tmp_path: Path, plane: str, side: str
) -> None:
    path = saved(labels, tmp_path / "labels.nii.gz", plane, side)
    assert np.array_equal(read_mask(path, SHAPE, side, settings), label_borders(labels))
    image = nib.load(path)
    turned = nib.as_closest_canonical(image)
    nib.save(turned, tmp_path / "turned.nii.gz")
    assert np.array_equal(read_mask(tmp_path / "turned.nii.gz", SHAPE, side, settings), label_borders(labels))
    other = "neurological" if side == "radiological" else "radiological"
    mirrored = read_mask(path, SHAPE, other, settings)
    assert np.array_equal(mirrored, label_borders(labels if plane == "sagittal" else labels[:, ::-1]))


def test_a_picture_of_two_values_is_lines_and_one_of_more_is_a_slice(settings: ControlSettings, tmp_path: Path) -> None:
    lines = np.random.default_rng(0).random(SHAPE) > 0.7
    (tmp_path / "lines.png").write_bytes(encode_png(np.where(lines, 180, 3).astype(np.uint8)))
    assert np.array_equal(read_mask(tmp_path / "lines.png", SHAPE, None, settings), lines)
    grey = np.zeros(SHAPE, dtype=np.uint8)
    grey[:, 4:], grey[0, 0] = 200, 7
    (tmp_path / "slice.png").write_bytes(encode_png(grey))
    assert np.array_equal(read_mask(tmp_path / "slice.png", SHAPE, None, settings), canny(grey))


def test_masks_that_do_not_fit_are_refused(labels: np.ndarray, settings: ControlSettings, tmp_path: Path) -> None:
    path = saved(labels, tmp_path / "a.nii.gz", "axial", "radiological")
    with pytest.raises(UsageError, match=r"has \(height, width\) \(6, 8\), but the model draws \(64, 64\): resample"):
        read_mask(path, (64, 64), None, settings)
    with pytest.raises(UsageError, match="does not exist: give a PNG"):
        read_mask(tmp_path / "none.png", SHAPE, None, settings)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UsageError, match="is no readable picture"):
        read_mask(tmp_path / "text.png", SHAPE, None, settings)
    nib.save(nib.Nifti1Image(np.zeros((6, 8, 3), dtype=np.int16), np.eye(4)), tmp_path / "volume.nii.gz")
    with pytest.raises(UsageError, match="wanted one slice of a volume"):
        read_mask(tmp_path / "volume.nii.gz", SHAPE, None, settings)
    nib.save(nib.Nifti1Image(np.full((6, 8, 1), 0.5, dtype=np.float32), np.eye(4)), tmp_path / "probabilities.nii.gz")
    with pytest.raises(UsageError, match="holds fractions"):
        read_mask(tmp_path / "probabilities.nii.gz", SHAPE, None, settings)


def test_a_model_of_label_maps_reads_a_picture_as_classes_and_refuses_a_slice(
    settings: ControlSettings, labels: np.ndarray, tmp_path: Path
) -> None:
    of_labels = replace(settings, structure="labels")
    (tmp_path / "map.png").write_bytes(encode_png(labels.astype(np.uint8)))
    assert np.array_equal(read_mask(tmp_path / "map.png", SHAPE, None, of_labels), label_borders(labels))
    noise = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)
    (tmp_path / "slice.png").write_bytes(encode_png(noise))
    with pytest.raises(UsageError, match=r"borders on \d+% of its pixels, so it is a slice"):
        read_mask(tmp_path / "slice.png", SHAPE, None, of_labels)
    assert np.array_equal(read_mask(tmp_path / "slice.png", SHAPE, None, settings), canny(noise))


def test_tolerant_dice_on_known_answers() -> None:
    line, shifted = np.zeros((2, 20, 20), dtype=bool)
    line[:, 5], shifted[:, 7] = True, True
    assert tolerant_dice(line, line, 0.0) == 1.0
    assert (tolerant_dice(line, shifted), tolerant_dice(line, shifted, 1.9)) == (1.0, 0.0)
    shifted[:, 17] = True
    assert tolerant_dice(line, shifted) == pytest.approx(2 * 20 / 60), "the far line is shared by nobody"
    nothing = np.zeros((20, 20), dtype=bool)
    assert (tolerant_dice(nothing, nothing), tolerant_dice(line, nothing)) == (1.0, 0.0)
