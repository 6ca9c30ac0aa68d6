"""The BIDS folder of phantom people: equal bytes, resume, growth, refusals."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from brainatlas.phantom import write_cohort
from braincaption.errors import UsageError


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "cohort"
    write_cohort(out, subjects=2, size="tiny", seed=5)
    return out


def test_bytes_depend_on_seed_and_person_only(cohort: Path, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere" / "one"
    write_cohort(alone, subjects=1, size="tiny", seed=5)
    first, second = digests(cohort), digests(alone)
    assert {k: v for k, v in second.items() if "sub-01" in k} == {k: v for k, v in first.items() if "sub-01" in k}
    write_cohort(alone, subjects=2, size="tiny", seed=5)
    assert digests(alone) == first


def test_only_what_is_missing_is_made_again(cohort: Path) -> None:
    before = digests(cohort)
    kept = cohort / "sub-02" / "anat" / "sub-02_T1w.nii.gz"
    lost = cohort / "sub-01" / "anat" / "sub-01_T2w.nii.gz"
    stamp = kept.stat().st_mtime_ns
    lost.unlink()
    write_cohort(cohort, subjects=2, size="tiny", seed=5)
    assert digests(cohort) == before
    assert kept.stat().st_mtime_ns == stamp


def test_fewer_people_asked_for_forgets_none(cohort: Path) -> None:
    before = digests(cohort)
    write_cohort(cohort, subjects=1, size="tiny", seed=5)
    assert digests(cohort) == before


def test_layout_and_sidecars(cohort: Path) -> None:
    with (cohort / "participants.tsv").open(newline="", encoding="utf-8") as handle:
        people = {row["participant_id"]: row for row in csv.DictReader(handle, delimiter="\t")}
    assert list(people) == ["sub-01", "sub-02"]
    assert all(20 <= int(row["age"]) <= 85 and row["sex"] in "FM" for row in people.values())
    scan = nib.load(cohort / "sub-01" / "anat" / "sub-01_FLAIR.nii.gz")
    labels = nib.load(cohort / "derivatives" / "labels" / "sub-01" / "anat" / "sub-01_dseg.nii.gz")
    assert scan.shape == labels.shape == (64, 72, 64)
    assert np.array_equal(scan.affine, labels.affine)
    assert nib.aff2axcodes(scan.affine) == ("R", "A", "S")
    stated = json.loads((cohort / "sub-01" / "anat" / "sub-01_FLAIR.json").read_text(encoding="utf-8"))
    for field in ("MagneticFieldStrength", "Manufacturer", "ManufacturersModelName", "RepetitionTime", "EchoTime"):
        assert field in stated
    assert stated["InversionTime"] > 1 and stated["SkullStripped"] is False
    names = (cohort / "derivatives" / "labels" / "dseg.tsv").read_text(encoding="utf-8").splitlines()
    numbers = {int(line.split("\t")[0]) for line in names[1:]}
    assert set(np.unique(np.asarray(labels.dataobj))) <= numbers | {0}
    assert "17\tLeft-Hippocampus" in names and "53\tRight-Hippocampus" in names


@pytest.mark.parametrize(
    ("subjects", "size", "seed", "said"),
    [(0, "tiny", 0, "--subjects 0"), (1, "huge", 0, "--size huge"), (1, "tiny", -1, "--seed -1")],
)
def test_impossible_requests_write_nothing(tmp_path: Path, subjects: int, size: str, seed: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        write_cohort(tmp_path / "out", subjects=subjects, size=size, seed=seed)
    assert not (tmp_path / "out").exists()


def test_every_scan_has_the_field_strength_asked_for(tmp_path: Path) -> None:
    write_cohort(tmp_path / "low", subjects=1, size="tiny", seed=5, field_t=0.35)
    sidecars = [json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "low").glob("sub-*/anat/*.json")]
    assert [sidecar["MagneticFieldStrength"] for sidecar in sidecars] == [0.35] * 3
    with pytest.raises(UsageError, match=r"--field-strength 7 has no scanner: give one of 0\.3, 0\.35"):
        write_cohort(tmp_path / "none", subjects=1, size="tiny", seed=5, field_t=7.0)
    with pytest.raises(UsageError, match="another dataset"):
        write_cohort(tmp_path / "low", subjects=1, size="tiny", seed=5, field_t=0.3)


def test_another_cohorts_folder_is_refused(cohort: Path, tmp_path: Path) -> None:
    before = digests(cohort)
    with pytest.raises(UsageError, match="another dataset"):
        write_cohort(cohort, subjects=2, size="tiny", seed=6)
    assert digests(cohort) == before
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="not empty"):
        write_cohort(tmp_path, subjects=1, size="tiny", seed=0)
    with pytest.raises(UsageError, match="is a file"):
        write_cohort(tmp_path / "mine.txt", subjects=1, size="tiny", seed=0)
