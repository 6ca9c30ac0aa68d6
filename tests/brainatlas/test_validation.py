"""Validation: nobody votes for themselves, known answers come out as tables, what is done is not done again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from brainatlas.app import app
from brainatlas.cohorts.read import read_cohort
from brainatlas.layout import Place
from brainatlas.record import Record
from brainatlas.validation.folds import make_folds, voters_of
from brainatlas.validation.overlap import Agreement
from brainatlas.validation.run import ValidationSettings, validate
from brainatlas.validation.table import as_markdown, as_tsv, summarise
from brainatlas.validation.trial import Numbering, Outcome
from brainatlas.validation.words import read_renumbering, read_structures
from braincaption.errors import UsageError

SETTINGS = ValidationSettings(
    folds=None,
    schemes=("template",),
    transforms=("affine",),
    methods=("majority",),
    numbering=Numbering(merge=True, renumber=((6, 8),)),
    held_out=(),
    workers=1,
)


def record(person: str, stem: str) -> Record:
    return Record(place=Place(out=Path("out"), cohort="c", stem=stem, suffix="T1w"), person=f"c/{person}")


def make_atlas(folder: Path, people: int = 3) -> Path:
    """Stripped brains of 3 mm voxels: a striped ellipsoid, moved a little from person to person, with its labels."""
    folder.mkdir()
    (folder / "dataset_description.json").write_text(
        json.dumps({"Name": "a", "BIDSVersion": "1.10.0", "DatasetType": "raw", "SkullStripped": True}), "utf-8"
    )
    axes = np.meshgrid(*[3.0 * (np.arange(n) - n / 2) for n in (56, 66, 52)], indexing="ij")
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = (-84, -99, -78)
    for number in range(1, people + 1):
        x, y, z = (axis - 3.0 * number for axis in axes)
        depth = (x / 65) ** 2 + (y / 82) ** 2 + (z / 60) ** 2
        labels = np.select([depth >= 1, depth > 0.75, (depth < 0.08) & (x < 0), depth < 0.08], [0, 1003, 10, 49], 2)
        values = np.array([0, 60, 120, 90])[np.searchsorted([1, 2, 10], np.minimum(labels % 1000, 10), side="left")]
        image = np.where(depth < 1, values + 10 * np.sin(x / 9) + 10 * np.cos(y / 11), 0).astype(np.float32)
        name = f"sub-0{number}"
        for path, data in (
            (folder / name / "anat" / f"{name}_T1w.nii.gz", image),
            (folder / "derivatives" / "labels" / name / "anat" / f"{name}_dseg.nii.gz", labels.astype(np.uint16)),
        ):
            path.parent.mkdir(parents=True)
            nib.save(nib.Nifti1Image(data, affine), path)
    return folder


def test_nobody_votes_for_themselves_nor_for_their_other_scans() -> None:
    records = [record("1", "sub-1_ses-1"), record("1", "sub-1_ses-2"), record("2", "sub-2"), record("3", "sub-3")]
    folds = make_folds(records, None)
    assert folds == [("c/1",), ("c/2",), ("c/3",)]
    assert [voter.person for voter in voters_of(records[0], records, folds)] == ["c/2", "c/3"]
    halves = make_folds(records, 2)
    assert halves == [("c/1", "c/3"), ("c/2",)]
    assert [voter.person for voter in voters_of(records[3], records, halves)] == ["c/2"]


@pytest.mark.parametrize("folds", [1, 4])
def test_folds_that_cannot_be_dealt_are_refused(folds: int) -> None:
    records = [record(str(n), f"sub-{n}") for n in range(3)]
    with pytest.raises(UsageError, match=f"--folds {folds}"):
        make_folds(records, folds)
    with pytest.raises(UsageError, match="2 or more"):
        make_folds(records[:1], None)


def test_an_atlas_is_validated_and_what_is_done_stays(tmp_path: Path) -> None:
    cohort = read_cohort(make_atlas(tmp_path / "atlas"), read_labels=True)
    out = tmp_path / "out"
    (row,) = validate(cohort, out, SETTINGS)
    assert row.scans == 3
    assert row.dice is not None and row.dice > 0.75  # three brains that differ by a shift
    lines = (out / "validation.tsv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 3 * 4
    assert {line.split("\t")[4] for line in lines[1:]} == {"2", "3", "10", "49"}  # the parcel 1003 is merged
    assert "| affine | template | majority | 3 |" in (out / "validation.md").read_text(encoding="utf-8")
    assert (out / "validation.svg").read_text(encoding="utf-8").count("<svg") == 1
    trials = sorted((out / "trials").rglob("*.json"))
    stamps = [path.stat().st_mtime_ns for path in trials]
    before = {name: (out / name).read_bytes() for name in ("validation.tsv", "validation.json", "validation.svg")}
    trials[0].unlink()
    (alone,) = validate(cohort, out, replace(SETTINGS, held_out=("02",)))
    assert alone.scans == 1  # the others still vote
    validate(cohort, out, SETTINGS)
    assert [path.stat().st_mtime_ns for path in trials][1:] == stamps[1:]
    assert (out / "validation.tsv").read_bytes() == before["validation.tsv"]


def outcome(scan: str, dice: dict[int, float], method: str = "m") -> Outcome:
    rows = tuple(
        Agreement(label=label, dice=value, volume_mm3=90.0, true_volume_mm3=100.0, mean_distance_mm=1.0)
        for label, value in dice.items()
    )
    return Outcome(
        scan_id=scan, scheme="template", transform="affine", method=method, rows=rows, seconds=2.0, memory_mb=100
    )


def test_summaries_are_means_of_scans_without_the_slivers() -> None:
    outcomes = [outcome("a", {2: 0.8, 10: 0.6, 5: 0.1}), outcome("b", {2: 0.9, 10: 0.9, 5: 0.3})]
    outcomes += [outcome("a", {2: 0.99}, "better"), outcome("b", {2: 0.97}, "better")]
    best, row = summarise(outcomes)
    assert best.method == "better"
    assert row.dice == pytest.approx((0.7 + 0.9) / 2)
    assert row.dice_subcortical == pytest.approx(0.75)
    assert row.dice_inferior == pytest.approx(0.2)
    assert (row.worst, row.best) == (pytest.approx(0.7), pytest.approx(0.9))
    assert row.volume_error == pytest.approx(0.1)
    assert row.hausdorff95_mm is None
    assert "| Left-Thalamus (10) | – | 0.750 |" in as_markdown([best, row], outcomes, {10: "Left-Thalamus"})
    assert as_tsv(outcomes, {}).splitlines()[1].split("\t")[-3:] == ["-0.1", "1", "n/a"]


def test_numbers_change_before_anything_votes_or_is_compared() -> None:
    numbering = Numbering(merge=True, renumber=((6, 8), (45, 47)))
    labels = np.array([6, 45, 1002, 2002, 17], dtype=np.uint16)
    assert numbering.apply(labels).tolist() == [8, 47, 3, 42, 17]
    assert Numbering().apply(labels).tolist() == labels.tolist()


@pytest.mark.parametrize("text", ["", "ten", "0", "70000", "3;4"])
def test_words_that_are_no_labels_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--structures"):
        read_structures(text)
    with pytest.raises(UsageError, match="--renumber"):
        read_renumbering([f"6={text}"])


def test_structures_by_name() -> None:
    assert len(read_structures("IBSR")) == 32
    assert read_structures(None) == ()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--method", "none"], "none"),
        (["--scheme", "star"], "--scheme star"),
        (["--folds", "9"], "--folds 9"),
        (["--renumber", "6"], "--renumber 6"),
        (["--participant-label", "sub-07"], "sub-07"),
    ],
)
def test_wrong_words_end_with_2_and_write_nothing(tmp_path: Path, arguments: list[str], said: str) -> None:
    atlas = make_atlas(tmp_path / "atlas", people=2)
    done = CliRunner().invoke(app, ["validate", str(atlas), "--out", str(tmp_path / "out"), *arguments])
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert not (tmp_path / "out").exists()
