"""Data: a BIDS folder is read with its facts and sides; what cannot be used is listed, the rest is stored."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from braincaption.errors import PartialFailure, UsageError
from brainldm.systems import TrainingRequest, train_system
from brainldm.tumsyn.cohort import read_cohort
from brainldm.tumsyn.contrastive import acquisitions
from brainldm.tumsyn.facts import Facts
from brainldm.tumsyn.intensity import normalised
from brainldm.tumsyn.volumes import Stored, stored_volumes


def test_scans_come_with_facts_persons_and_sides(cohort: Path, tmp_path: Path) -> None:
    found = read_cohort(cohort)
    assert found.licences == ("CC0-1.0",)
    assert [scan.side for scan in found.scans] == ["train"] * 16 + ["test"] * 4
    second = next(scan for scan in found.scans if "sub-01_acq-te120" in scan.name)
    assert (second.facts.contrast, second.facts.te_ms, second.facts.age, second.facts.sex) == ("T2w", 120.0, 21.0, "M")
    assert (second.person, second.facts.maker, second.facts.tr_ms) == ("made/01", "Siemens", None)
    volumes = stored_volumes(found, "train", tmp_path / "v")
    assert volumes.contrasts == ("FLAIR", "T1w", "T2w")
    assert [len(session) for session in volumes.sessions] == [4] * 4
    assert len(acquisitions(volumes)) == 4, "two T2w, one T1w and one FLAIR protocol"
    voxels = volumes.stored[0].open()
    assert (voxels.dtype, voxels.max(), voxels.min()) == (np.float16, 1, 0)
    assert max(voxels.shape) < 20, "cut to the head"
    assert volumes.stored[0].facts.zooms == (3.0, 3.0, 3.0)
    made = (tmp_path / "v" / "index.json").stat().st_mtime_ns
    assert stored_volumes(found, "train", tmp_path / "v") == volumes
    assert (tmp_path / "v" / "index.json").stat().st_mtime_ns == made, "written once"


def test_orientation_on_disk_does_not_matter(cohort: Path, tmp_path: Path) -> None:
    other = shutil.copytree(cohort, tmp_path / "made")
    for path in other.rglob("*.nii.gz"):
        image = nib.load(path)
        turned = nib.orientations.ornt_transform([[0, 1], [1, 1], [2, 1]], [[2, -1], [0, 1], [1, -1]])
        nib.save(image.as_reoriented(turned), path)
    one = stored_volumes(read_cohort(cohort), "train", tmp_path / "a")
    two = stored_volumes(read_cohort(other), "train", tmp_path / "b")
    assert all(np.array_equal(a.open(), b.open()) for a, b in zip(one.stored, two.stored, strict=True))


def test_broken_scans_are_listed_and_the_rest_is_trained_on(cohort: Path, tmp_path: Path, quick: Path) -> None:
    mine = shutil.copytree(cohort, tmp_path / "made")
    first, second = (mine / f"sub-{person:02d}" / "anat" / f"sub-{person:02d}_FLAIR.nii.gz" for person in (0, 1))
    first.write_bytes(first.read_bytes()[:300])
    image = nib.load(second)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[:-2], image.affine), second)
    request = TrainingRequest(data=mine, out=tmp_path / "m", config=str(quick), text="one-hot", minutes=None, seed=0)
    with pytest.raises(PartialFailure, match=r"(?s)2 failed.*truncated.*is not on the grid of"):
        train_system("tumsyn", request)
    assert (tmp_path / "m" / "config.json").is_file()
    assert "made_sub-01_FLAIR" in (tmp_path / "m" / "logs" / "failed.tsv").read_text()


@pytest.mark.parametrize("wrong", ["missing", "empty", "one contrast", "split"])
def test_a_folder_that_teaches_nothing_is_refused(cohort: Path, tmp_path: Path, quick: Path, wrong: str) -> None:
    mine = tmp_path / "mine"
    if wrong != "missing":
        mine.mkdir()
    if wrong in ("one contrast", "split"):
        shutil.copytree(cohort, mine, dirs_exist_ok=True)
    if wrong == "one contrast":
        for path in mine.rglob("*.nii.gz"):
            if "T1w" not in path.name:
                path.unlink()
    if wrong == "split":
        table = mine / "participants.tsv"
        table.write_text(table.read_text().replace("\ttest", "\ttesting"))
    message = {"missing": "does not exist", "empty": "holds no scan", "one contrast": "has two contrasts on one grid",
               "split": "has the split 'testing'"}[wrong]  # fmt: skip
    request = TrainingRequest(data=mine, out=tmp_path / "m", config=str(quick), text="built-in", minutes=None, seed=0)
    with pytest.raises(UsageError, match=message):
        train_system("tumsyn", request)
    assert not (tmp_path / "m" / "config.json").exists()


def test_grey_values_run_from_percentile_to_percentile() -> None:
    data = np.arange(1001, dtype=np.float32).reshape(7, 11, 13)
    found = normalised(data)
    assert (found.min(), found.max()) == (0, 1)
    assert found.flat[500] == pytest.approx(0.5)
    assert (found == 1).sum() == 6, "the brightest half percent"
    lone = np.zeros((10, 10, 10), dtype=np.float32)
    lone[5, 5, 5] = 8
    assert normalised(lone).max() == 1, "percentiles of an all but empty volume are equal"


def test_a_volume_written_anew_is_read_anew(tmp_path: Path) -> None:
    stored = Stored(
        file=tmp_path / "one.npy", shown_file=tmp_path / "one.npy", name="one", person="1", session="1",
        facts=Facts(contrast="T1w"),
    )  # fmt: skip
    for level, written_ns in ((0.25, 1_000), (0.75, 2_000)):
        stored.file.unlink(missing_ok=True)
        np.save(stored.file, np.full((2, 2, 2), level, dtype=np.float16))
        os.utime(stored.file, ns=(written_ns, written_ns))
        assert stored.open().max() == level
