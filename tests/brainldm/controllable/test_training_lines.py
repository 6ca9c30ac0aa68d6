"""Slices, with or without their label maps, in: training sees the lines that are theirs, and keeps them while right."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from braincaption.errors import UsageError
from braincaption.slicefolder import read_slices, write_slices
from brainldm.chance import draws
from brainldm.controllable.canny import canny
from brainldm.controllable.settings import ControlConfig, ControlSettings, load_control_config
from brainldm.controllable.structure import label_borders, read_mask
from brainldm.controllable.train import batch_lines
from brainldm.controllable.training_lines import cached_lines, label_folder, other_contrasts, unpacked
from brainldm.latents import read_latents
from brainldm.niftislice import slice_affine
from brainldm.slices import Slices, load_slices

ABOUT = {"classes": json.dumps([2, 3])}


@pytest.fixture
def settings() -> ControlSettings:
    return load_control_config("tiny").control


@pytest.fixture
def of_labels(settings: ControlSettings) -> ControlSettings:
    return replace(settings, structure="labels")


@pytest.fixture
def labelled(slice_folder: Path, tmp_path: Path) -> Path:
    """A copy of the slices with label maps beside them, each a square of its own; written in another order."""
    found = read_slices(slice_folder)
    rows = [
        ({str(key): value for key, value in row.items()}, found.image(i))
        for i, row in enumerate(found.table.drop(columns="file_name").dropna(axis=1).to_dict("records"))
    ]
    write_slices(tmp_path / "slices", rows)
    maps = []
    for i, (row, _) in enumerate(rows):
        drawn = np.zeros((32, 32), dtype=np.uint8)
        drawn[3 : 5 + i % 20, 4:9] = 1
        drawn[:2, i % 30] = 2
        maps.append((row, drawn))
    write_slices(label_folder(tmp_path / "slices"), maps[::-1], about=ABOUT)
    return tmp_path / "slices"


def own_map(data: Path, slices: Slices, row: int) -> np.ndarray:
    """Return the label map of a row, found by its key."""
    found = read_slices(label_folder(data))
    same = (found.table[["volume_id", "index"]] == slices.table.loc[row, ["volume_id", "index"]]).all(axis=1)
    return found.image(int(np.flatnonzero(same)[0]))


def test_edges_are_those_of_the_slices_and_follow_the_thresholds(
    settings: ControlSettings, slice_folder: Path, tmp_path: Path
) -> None:
    slices = load_slices(slice_folder, "train", 4)
    found = cached_lines(slices, slice_folder, settings, tmp_path / "lines")
    assert np.array_equal(unpacked(found, 32), np.stack([canny(picture) for picture in slices.pictures]))
    before = (tmp_path / "lines" / "lines.npy").stat().st_mtime_ns
    cached_lines(slices, slice_folder, settings, tmp_path / "lines")
    assert (tmp_path / "lines" / "lines.npy").stat().st_mtime_ns == before
    bounds = replace(settings, canny_low=900, canny_high=900)
    higher = cached_lines(slices, slice_folder, bounds, tmp_path / "lines")
    assert np.unpackbits(higher).sum() < np.unpackbits(found).sum()


def test_label_maps_give_each_slice_the_borders_of_its_own(
    of_labels: ControlSettings, labelled: Path, tmp_path: Path
) -> None:
    slices = load_slices(labelled, "train", 4)
    found = unpacked(cached_lines(slices, labelled, of_labels, tmp_path / "lines"), 32)
    assert len(np.unique(found, axis=0)) > 10
    for row in (0, 9, 26):
        assert np.array_equal(found[row], label_borders(own_map(labelled, slices, row).astype(int)))


def test_drawing_from_nifti_gives_the_lines_of_training(
    of_labels: ControlSettings, labelled: Path, tmp_path: Path
) -> None:
    """The same label map as NIfTI, with the labels' own numbers, is the same condition."""
    slices = load_slices(labelled, "train", 4)
    seen = unpacked(cached_lines(slices, labelled, of_labels, tmp_path / "lines"), 32)[7]
    numbers = np.array([0, 2, 41], dtype=np.int16)[own_map(labelled, slices, 7)]
    affine = slice_affine("axial", "radiological", 5.0, 2.0, (32, 32))
    nib.save(nib.Nifti1Image(np.ascontiguousarray(numbers.T[:, :, None]), affine), tmp_path / "labels.nii.gz")
    assert np.array_equal(read_mask(tmp_path / "labels.nii.gz", (32, 32), "radiological", of_labels), seen)


def test_other_label_maps_are_drawn_anew(of_labels: ControlSettings, labelled: Path, tmp_path: Path) -> None:
    slices = load_slices(labelled, "train", 4)
    before = np.array(cached_lines(slices, labelled, of_labels, tmp_path / "lines"))
    found = read_slices(label_folder(labelled))
    rows = [(row.dropna().to_dict(), 2 - found.image(i)) for i, row in found.table.drop(columns="file_name").iterrows()]
    rows[0][1][20:, :] = 0
    write_slices(label_folder(labelled), rows, about=ABOUT)
    assert not np.array_equal(cached_lines(slices, labelled, of_labels, tmp_path / "lines"), before)


def test_missing_label_maps_are_said_with_the_command_that_makes_them(
    of_labels: ControlSettings, labelled: Path, slice_folder: Path, tmp_path: Path
) -> None:
    slices = load_slices(labelled, "train", 4)
    with pytest.raises(UsageError, match=r"slices-labels does not exist: make them with `brain eval draw-labels"):
        cached_lines(slices, slice_folder, of_labels, tmp_path / "lines")
    found = read_slices(label_folder(labelled))
    rows = [(row.dropna().to_dict(), found.image(i)) for i, row in found.table.drop(columns="file_name").iterrows()]
    write_slices(label_folder(labelled), rows[:-12], about=ABOUT)
    with pytest.raises(UsageError, match=r"lacks \d+ of 27 slices, such as \("):
        cached_lines(slices, labelled, of_labels, tmp_path / "lines")
    write_slices(label_folder(labelled), rows)
    with pytest.raises(UsageError, match="holds grey values"):
        cached_lines(slices, labelled, of_labels, tmp_path / "lines")


def test_others_are_the_same_place_in_other_contrasts(slice_folder: Path) -> None:
    table = load_slices(slice_folder, "train", 4).table
    for row, found in enumerate(other_contrasts(table)):
        assert len(found) == 2
        for other in found:
            assert (table.loc[other, ["person", "index"]] == table.loc[row, ["person", "index"]]).all()
        assert {table["sequence"][one] for one in (row, *found)} == {"T1w", "T2w", "FLAIR"}


def test_a_share_of_the_slices_is_learned_under_lines_of_another_contrast(
    base: Path, small: ControlConfig, slice_folder: Path, tmp_path: Path
) -> None:
    slices, latents = load_slices(slice_folder, "train", 4), read_latents(base / "latents")
    # Lines that say which row they are of: 27 rows, each with a line at its own place.
    lines = np.zeros((27, 32, 32), dtype=bool)
    lines[np.arange(27), np.arange(27)] = True
    others = other_contrasts(slices.table)

    def shown(share: float, step: int) -> list[int]:
        config = replace(small, control=replace(small.control, other_contrast=share))
        batch = batch_lines(latents, np.packbits(lines, axis=-1), others, config, 0, step, 0, 1)
        return [int(one) for one in batch[:, 0, :, 0].argmax(dim=1)]

    for step in range(20):
        drawn = [sample for _, sample in draws(0, 27, small.training.batch, step)]
        assert shown(0.0, step) == drawn
        assert all(row in others[sample] for row, sample in zip(shown(1.0, step), drawn, strict=True))
    own = [sample for step in range(20) for _, sample in draws(0, 27, small.training.batch, step)]
    some = [row for step in range(20) for row in shown(0.5, step)]
    assert 20 < sum(a != b for a, b in zip(own, some, strict=True)) < 60
    assert some == [row for step in range(20) for row in shown(0.5, step)]
