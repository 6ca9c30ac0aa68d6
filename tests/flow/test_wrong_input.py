"""Broken scans are named with a remedy and left out, the others are completed, and after repair only those are done."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pyarrow.parquet as pq
import pytest

Brain = Callable[..., subprocess.CompletedProcess[str]]
BROKEN = {
    "sub-01": "series",
    "sub-02": "all zero",
    "sub-03": "truncated",
    "sub-04": "NaN",
}
WORDS = {"sub-01": "series", "sub-02": "one value", "sub-03": "truncated", "sub-04": "NaN"}


def _break(scan: Path, kind: str) -> None:
    image = nib.load(scan)
    data = np.asarray(image.dataobj, dtype=np.float32)
    if kind == "truncated":
        scan.write_bytes(scan.read_bytes()[: scan.stat().st_size // 2])
        return
    if kind == "series":
        data = np.stack([data] * 4, axis=-1)
    elif kind == "all zero":
        data = np.zeros_like(data)
    elif kind == "NaN":
        data[10:12, 10:12, 10:12] = np.nan
    nib.save(nib.Nifti1Image(data, image.affine), scan)


def _failed(out: Path) -> dict[str, str]:
    table = out / "logs" / "failed.tsv"
    if not table.exists():
        return {}
    with table.open(newline="", encoding="utf-8") as handle:
        return {row["id"]: row["message"] for row in csv.DictReader(handle, delimiter="\t")}


@pytest.fixture
def cohort(tmp_path: Path, brain: Brain) -> Path:
    """Five tiny T1w people; sub-05 is whole but has neither age nor sex, the other four are broken."""
    folder = tmp_path / "broken"
    brain("atlas", "phantom", "--out", folder, "--subjects", 5, "--size", "tiny", "--seed", 5)
    shutil.copytree(folder, tmp_path / "whole")
    for subject, kind in BROKEN.items():
        _break(folder / subject / "anat" / f"{subject}_T1w.nii.gz", kind)
    people = folder / "participants.tsv"
    header, *rows = people.read_text(encoding="utf-8").splitlines()
    columns = header.split("\t")
    for number, row in enumerate(rows):
        if row.startswith("sub-05"):
            values = zip(columns, row.split("\t"), strict=True)
            rows[number] = "\t".join("n/a" if name in ("age", "sex") else value for name, value in values)
    people.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder


def test_broken_scans_are_listed_the_rest_is_done_and_repair_completes(
    tmp_path: Path, cohort: Path, phantoms: Path, brain: Brain
) -> None:
    out = tmp_path / "out"
    register = ("atlas", "register", phantoms / "atlas", cohort, "--out", out, "--sequence", "T1w")
    done = brain(*register, expect=1)
    assert "Traceback" not in done.stderr + done.stdout
    failed = _failed(out)
    for subject, word in WORDS.items():
        message = next(text for name, text in failed.items() if subject in name)
        assert word in message, f"{subject}: {message}"
        assert subject in done.stderr
    assert len(failed) == len(BROKEN)
    transforms = {path.name.split("_")[0]: path.stat().st_mtime_ns for path in out.glob("broken/*/anat/*_xfm.mat")}
    assert set(transforms) == {"sub-05"}

    for subject in BROKEN:
        name = f"{subject}/anat/{subject}_T1w.nii.gz"
        shutil.copyfile(tmp_path / "whole" / name, cohort / name)
    brain(*register)
    after = {path.name.split("_")[0]: path.stat().st_mtime_ns for path in out.glob("broken/*/anat/*_xfm.mat")}
    assert set(after) == {"sub-01", "sub-02", "sub-03", "sub-04", "sub-05"}
    assert after["sub-05"] == transforms["sub-05"], "finished work was repeated"
    assert not _failed(out)

    brain("atlas", "vote", out, "--method", "majority")
    brain("atlas", "expand", out)
    captions = tmp_path / "captions"
    brain("caption", "tabulate", out / "catalog.parquet", "--out", captions)
    brain("caption", "write", captions)
    table = pq.read_table(captions / "captions").to_pandas()
    mine = table[table["volume_id"].str.startswith("broken_sub-05_T1w@")]["caption"]
    assert len(mine) > 0
    assert not mine.str.contains(r"year|\bman\b|woman|\bmale|female|nan|None|n/a", case=False, regex=True).any()


def test_labels_on_another_grid_are_refused_and_the_other_person_serves(
    tmp_path: Path, phantoms: Path, brain: Brain
) -> None:
    atlas, out = tmp_path / "atlas", tmp_path / "out"
    shutil.copytree(phantoms / "atlas", atlas)
    labels = next((atlas / "derivatives").rglob("sub-01_*dseg.nii.gz"))
    image = nib.load(labels)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[1:], image.affine), labels)
    done = brain("atlas", "register", atlas, phantoms / "cohort", "--out", out, "--sequence", "T1w", expect=1)
    failed = _failed(out)
    assert failed
    for name, message in failed.items():  # one label map serves every contrast of the person
        assert "sub-01" in name
        assert "grid" in message
    assert "Traceback" not in done.stderr
    assert len(list(out.glob("cohort/*/anat/*_xfm.mat"))) == 2


def test_atlases_of_different_numbering_are_refused_together(
    tmp_path: Path, phantoms: Path, walked: Path, brain: Brain
) -> None:
    muse, out = tmp_path / "muse", tmp_path / "out"
    shutil.copytree(phantoms / "cohort", muse)
    shutil.copytree(walked / "atlas", out)
    numbers = {4: 51, 43: 52, 10: 59, 49: 60, 11: 36, 50: 37, 12: 57, 51: 58, 17: 47, 53: 48, 2: 81, 41: 82}
    for labels in (muse / "derivatives").rglob("*dseg.nii.gz"):
        image = nib.load(labels)
        data = np.asarray(image.dataobj)
        renumbered = np.zeros_like(data)
        for mine, theirs in numbers.items():
            renumbered[data == mine] = theirs
        nib.save(nib.Nifti1Image(renumbered, image.affine), labels)
    for table in (muse / "derivatives").rglob("*dseg.tsv"):
        table.unlink()
    before = sorted(path.relative_to(out) for path in out.rglob("*"))
    done = brain("atlas", "register", muse, phantoms / "cohort", "--out", out, "--sequence", "T1w", expect=2)
    assert "muse" in done.stderr.lower()
    assert sorted(path.relative_to(out) for path in out.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("atlas", "index", "{none}"),
        ("atlas", "register", "{none}", "{none}", "--out", "{out}"),
        ("atlas", "strip", "{none}", "--out", "{out}"),
        ("atlas", "vote", "{none}"),
        ("atlas", "expand", "{none}"),
        ("atlas", "report", "{none}"),
        ("caption", "tabulate", "{none}", "--out", "{out}"),
        ("caption", "write", "{none}"),
        ("caption", "render", "{none}", "--out", "{out}"),
        ("caption", "dataset", "{none}", "--out", "{out}"),
        ("ldm", "train-vae", "{none}", "--out", "{out}"),
        ("ldm", "encode", "{none}", "{none}", "--out", "{out}"),
        ("ldm", "train-ldm", "{none}", "--out", "{out}"),
        ("ldm", "generate", "{none}.parquet", "--model", "{none}", "--out", "{out}"),
        ("eval", "ssim", "{none}", "{none}"),
        ("eval", "report", "{none}", "a={none}", "--out", "{out}"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_missing_path_is_named_and_nothing_is_written(
    arguments: tuple[str, ...], tmp_path: Path, brain: Brain
) -> None:
    none, out = tmp_path / "no-such-place", tmp_path / "out"
    done = brain(*(part.format(none=none, out=out) for part in arguments), expect=2)
    assert "no-such-place" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not out.exists()
    assert not none.exists()
