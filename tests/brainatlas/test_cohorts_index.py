"""Cohorts with something wrong in their voxels in; what `brain atlas index` prints, and its exit code, compared."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner

from brainatlas.app import app

FREESURFER = [0, 2, 3, 4, 10, 11, 12, 13, 17, 18, 41, 42, 43, 49, 50, 51, 52, 53, 54]
MUSE = [0, 4, 11, 23, 30, 31, 32, 35, 36, 37, 47, 48, 55, 56, 57, 58, 59, 60, 100, 101, 207]


def save(path: Path, data: npt.NDArray[np.generic]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.eye(4)), path)
    return path


def noise(seed: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).random((8, 9, 10), dtype=np.float32)


def label_map(ids: list[int]) -> npt.NDArray[np.int16]:
    return np.resize(np.array(ids, dtype=np.int16), (8, 9, 10))


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    root = tmp_path / "clinic"
    for number in (1, 2, 3):
        save(root / f"sub-{number}/anat/sub-{number}_T1w.nii.gz", noise(number))
        save(root / f"derivatives/l/sub-{number}/anat/sub-{number}_dseg.nii.gz", label_map(FREESURFER))
    (root / "participants.tsv").write_text("participant_id\tage\tsex\nsub-1\t30\tF\nsub-2\tn/a\tM\n")
    return root


def index(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["index", *map(str, words)], terminal_width=200)
    return result.exit_code, result.stdout, result.stderr


def test_a_sound_cohort(cohort: Path) -> None:
    code, out, err = index(cohort)
    assert (code, err) == (0, "")
    assert out.startswith("clinic: 3 scans of 3 people (BIDS,")
    assert "age: 30 years (known of 1 of 3); sex: 1 F, 1 M" in out
    assert "labels: 3 of 3 scans, numbering freesurfer, 18 structures" in out
    assert "8×9×10" in out and "RAS" in out
    assert "Problems" not in out


def break_truncated(root: Path) -> None:
    path = root / "sub-2/anat/sub-2_T1w.nii.gz"
    path.write_bytes(path.read_bytes()[:-400])


def break_nan(root: Path) -> None:
    data = noise(2)
    data[3, 3, 3] = np.nan
    save(root / "sub-2/anat/sub-2_T1w.nii.gz", data)


def break_zero(root: Path) -> None:
    save(root / "sub-2/anat/sub-2_T1w.nii.gz", np.zeros((8, 9, 10), dtype=np.uint8))


def break_series(root: Path) -> None:
    save(root / "sub-2/anat/sub-2_T1w.nii.gz", np.stack([noise(2), noise(3)], axis=-1))


def break_label_grid(root: Path) -> None:
    save(root / "derivatives/l/sub-2/anat/sub-2_dseg.nii.gz", label_map(FREESURFER)[:-1])


def break_label_values(root: Path) -> None:
    save(root / "derivatives/l/sub-2/anat/sub-2_dseg.nii.gz", noise(2))


def break_label_empty(root: Path) -> None:
    save(root / "derivatives/l/sub-2/anat/sub-2_dseg.nii.gz", label_map([0]))


def break_numbering(root: Path) -> None:
    save(root / "derivatives/l/sub-2/anat/sub-2_dseg.nii.gz", label_map(MUSE))


def break_repeat(root: Path) -> None:
    save(root / "sub-2/anat/sub-2_T1w.nii.gz", noise(1))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (break_truncated, "truncated or damaged"),
        (break_nan, "1 NaN or infinite voxels"),
        (break_zero, "one value everywhere"),
        (break_series, "is a series of shape (8, 9, 10, 2)"),
        (break_label_grid, "lie on another grid (7×9×10"),
        (break_label_values, "not whole numbers"),
        (break_label_empty, "holds no label at all"),
        (break_numbering, "numbered as muse, the cohort's as freesurfer"),
        (break_repeat, "same voxels as clinic_sub-1_T1w"),
    ],
)
def test_one_broken_scan_is_named_and_the_others_stay(cohort: Path, fault: object, said: str) -> None:
    fault(cohort)  # type: ignore[operator]
    code, out, err = index(cohort)
    assert code == 1
    assert "clinic: 2 scans of 2 people" in out
    problems = out.partition("Problems (1)")[2]
    assert "clinic_sub-2_T1w: " in problems and said in problems
    assert err.strip() == "Error: 1 cannot be used (see Problems), 2 can: repair or remove what is broken"
    code, out, _ = index(cohort, "--participant-label", "1", "--participant-label", "sub-3")
    assert code == 0 and "2 scans" in out


def test_headers_only_does_not_see_voxels(cohort: Path) -> None:
    break_nan(cohort)
    assert index(cohort, "--headers-only")[0] == 0
    assert index(cohort)[0] == 1


def test_unknown_ids_are_told_and_harmless(cohort: Path) -> None:
    save(cohort / "derivatives/l/sub-2/anat/sub-2_dseg.nii.gz", label_map([*FREESURFER, 9999]))
    code, out, _ = index(cohort)
    assert code == 0
    assert "label ids that freesurfer maps do not usually hold: 9999" in out


def test_usage_errors_end_with_2(cohort: Path, tmp_path: Path) -> None:
    for words in (
        (tmp_path / "no",),
        (cohort, "--participant-label", "9"),
        (cohort, "--recipe", "none"),
        (cohort, "--labels", tmp_path / "no"),
    ):
        code, out, err = index(*words)
        assert (code, out) == (2, "")
        assert err.startswith("Error: ") and err.count("\n") == 1


def test_uint8_labels_and_slopes_raise_no_warning(cohort: Path) -> None:
    image = nib.Nifti1Image(label_map(FREESURFER).astype(np.uint8), np.eye(4))
    image.header.set_slope_inter(1.0, 0.0)
    path = cohort / "derivatives/l/sub-1/anat/sub-1_dseg.nii.gz"
    path.write_bytes(gzip.compress(image.to_bytes()))
    assert index(cohort)[0] == 0


@pytest.mark.realdata
def test_real_cohort(realdata: Path) -> None:
    code, out, _ = index(realdata / "ixi", "--participant-label", "ixi012")
    assert code == 0
    assert "numbering muse, 148 structures" in out
    assert "PSR" in out
