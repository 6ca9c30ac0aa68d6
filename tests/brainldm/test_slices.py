"""Slice folders in: splits kept apart, greys kept exactly, wrong sizes refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from braincaption.errors import UsageError
from braincaption.slicefolder import read_slices, write_slices
from brainldm.slices import load_slices, to_bytes, to_float


def test_training_and_validation_people_are_apart(slice_folder: Path) -> None:
    training, validation = (load_slices(slice_folder, split, 4) for split in ("train", "validation"))
    assert set(training.table["person"]).isdisjoint(validation.table["person"])
    assert (len(training), len(validation)) == (27, 9)
    found = read_slices(slice_folder)
    row = int(np.flatnonzero(found.table["file_name"] == training.table["file_name"].iloc[4])[0])
    assert np.array_equal(training.pictures[4], found.image(row))


def test_slices_without_a_split_are_for_training(tmp_path: Path) -> None:
    write_slices(tmp_path / "s", [({"volume_id": "a", "caption": "x"}, np.zeros((8, 8), np.uint8))])
    assert len(load_slices(tmp_path / "s", "train", 4)) == 1


def test_a_size_that_the_vae_cannot_halve_is_refused(slice_folder: Path) -> None:
    with pytest.raises(UsageError, match="32×32 pixels, wanted multiples of 64"):
        load_slices(slice_folder, "train", 64)


def test_greys_survive_the_way_to_floats_and_back() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    assert np.array_equal(to_bytes(to_float(every)), every)
    outside = to_bytes(torch.tensor([[[[-0.5, 1.5]]]]))
    assert outside.tolist() == [[[0, 255]]]


def test_the_fingerprint_tells_other_pictures_and_other_captions(slice_folder: Path) -> None:
    slices = load_slices(slice_folder, "train", 4)
    first = slices.fingerprint
    slices.table.loc[0, "caption"] = "another"
    assert slices.fingerprint != first
