"""Folders nobody planned for in: `read_cohort` gives a cohort that holds together, or an error with a remedy."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from brainatlas.app import app
from brainatlas.cohorts import Cohort, read_cohort
from brainatlas.cohorts.header import read_grid
from brainatlas.cohorts.names import parse_name, safe_name
from brainatlas.cohorts.people import read_age, read_sex
from brainatlas.cohorts.sidecar import acquisition
from braincaption.errors import ScanError, UsageError

TREES = 200
HEADERS = 200
GOOD: bytes = nib.Nifti1Image(np.arange(210, dtype=np.int16).reshape(5, 6, 7), np.eye(4)).to_bytes()
OTHER: bytes = nib.Nifti1Image(np.zeros((5, 6, 7, 2), dtype=np.float32), np.diag([2, 2, 2, 1])).to_bytes()
ZIPPED = gzip.compress(GOOD, mtime=0)
_WORDS = (
    "sub-01",
    "sub-1",
    "sub-",
    "sub-01-02",
    "ses-a",
    "ses-",
    "acq-x",
    "run-1",
    "run-01",
    "space-T1w",
    "desc-brain",
    "",
)
_SUFFIXES = ("T1w", "T2w", "FLAIR", "dseg", "mask", "bold", "", "t1w")
_ENDINGS = (".nii.gz", ".nii", ".json", ".tsv", ".img", ".hdr", "", ".nii.gz.part")
_FOLDERS = (
    "",
    "sub-01",
    "sub-01/anat",
    "sub-01/ses-a/anat",
    "sub-1/anat",
    "derivatives/l/sub-01/anat",
    "IBSR_01",
    "x y",
)
_NAMES = (
    "IBSR_01_ana.nii.gz",
    "IXI002-Guys-0828-T2.nii.gz",
    "KKI2009-07-FLAIR.nii",
    "OAS1_0001_MR1_mpr_n4_anon_sbj_111.img",
    "participants.tsv",
    "dataset_description.json",
    "IXI.xls",
    "IXI.csv",
    "oasis_cross-sectional.csv",
    "T1w.json",
    "dseg.tsv",
    "sub-01_sessions.tsv",
    "participants.json",
)
_TEXTS = (
    "",
    "{",
    "[]",
    "null",
    '{"SkullStripped": "yes", "License": 3, "ReferencesAndLinks": "x", "RepetitionTime": {"a": 1}}',
    '{"EchoTime": 1e400, "FlipAngle": true, "Manufacturer": ["a"], "brainatlas": {"person": 3, "age": "x"}}',
    '{"sex": {"Levels": {"1": 2}}}',
    "participant_id\tage\tsex\nsub-01\t-1\tx\n\nsub-01\n\t\t\t\n",
    'IXI_ID,AGE,"SEX_ID (1=m, 2=f)"\n2,thirty,9\n,,\n2',
    "ID,M/F,Age\nOAS1_0001_MR1,F,74",
    "index\tname\nx\ty\n17\tLeft-Hippocampus\n",
    "\x00\x01\x02",
    "[" * 100_000,
)


def random_bytes(chance: random.Random) -> bytes:
    """A damaged NIfTI file, one of another shape, text, or noise."""
    kind = chance.randrange(6)
    if kind == 0:
        return GOOD
    if kind == 1:
        return OTHER
    if kind == 2:
        return ZIPPED[: chance.randrange(len(ZIPPED))]
    if kind == 3:
        return GOOD[: chance.randrange(len(GOOD))]
    if kind == 4:
        return chance.choice(_TEXTS).encode()
    return chance.randbytes(chance.randrange(500))


def sound_files(chance: random.Random) -> dict[str, bytes]:
    """A sound folder: BIDS raw, BIDS derivative, or one of the four sources."""
    kind = chance.randrange(6)
    if kind == 2:
        return {
            f"IBSR_0{n}/IBSR_0{n}_{what}.nii.gz": ZIPPED for n in (1, 2) for what in ("ana_strip", "seg_ana", "ana")
        }
    if kind == 3:
        files = {f"IXI-T2/IXI00{n}-{site}-0828-T2.nii.gz": ZIPPED for n, site in ((2, "Guys"), (3, "HH"))}
        return {**files, "IXI.csv": b'IXI_ID,"SEX_ID (1=m, 2=f)",AGE\n2,2,35.8\n3,1,\n3,1,40\n'}
    if kind == 4:
        return {f"KKI2009-{n:02d}-FLAIR.nii": GOOD for n in (1, 25, 7)}
    if kind == 5:
        folder = "disc1/OAS1_000{n}_MR1/PROCESSED/MPRAGE/SUBJ_111/OAS1_000{n}_MR1_mpr_n4_anon_sbj_111.nii"
        table = b"ID,M/F,Age,CDR\nOAS1_0001_MR1,F,74,0\nOAS1_0002_MR1,M,55,\n"
        return {**{folder.format(n=n): GOOD for n in (1, 2)}, "oasis_cross-sectional.csv": table}
    description = b'{"Name": "x", "License": "CC0", "DatasetType": "derivative"}' if kind else b'{"Name": "x"}'
    files = {"dataset_description.json": description, "T1w.json": b'{"EchoTime": 0.003}'}
    files["participants.tsv"] = b"participant_id\tage\tsex\nsub-01\t30\tF\nsub-02\tn/a\tM\n"
    for stem, folder in (("sub-01", "sub-01/anat"), ("sub-02_ses-a", "sub-02/ses-a/anat")):
        for suffix in ("T1w", "FLAIR"):
            files[f"{folder}/{stem}{'_desc-brain' * kind}_{suffix}.nii.gz"] = ZIPPED
        labels = f"{stem}_space-T1w_desc-jlf_dseg.nii.gz" if kind else f"{stem}_dseg.nii.gz"
        files[f"{'' if kind else 'derivatives/l/'}{folder}/{labels}"] = ZIPPED
    return files


def random_tree(root: Path, chance: random.Random) -> Path:
    """A sound folder, then up to seven faults in it: files damaged, renamed, doubled, lost, linked or added."""
    files: dict[str, bytes] = sound_files(chance)
    for _ in range(chance.randrange(8)):
        path = chance.choice(sorted(files)) if files else "T1w.json"
        fault = chance.randrange(6)
        if fault == 0:
            files.pop(path, None)
        elif fault <= 2:
            files[path] = random_bytes(chance)
        elif fault == 3:
            files[path.replace(chance.choice(("_", "0", "-", "1", "T1w")), chance.choice(_WORDS), 1)] = files.get(
                path, b""
            )
        elif fault == 4:
            name = "_".join([*chance.choices(_WORDS, k=3), chance.choice(_SUFFIXES)]) + chance.choice(_ENDINGS)
            files[f"{chance.choice(_FOLDERS)}/{name}".lstrip("/")] = random_bytes(chance)
        else:
            files[chance.choice(_NAMES)] = random_bytes(chance)
    root.mkdir()
    for relative, content in files.items():
        target = root / relative
        if target.is_dir() or any(parent.is_file() for parent in target.parents):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if chance.random() < 0.02:
            target.symlink_to(chance.choice([root, root / "gone"]))
        else:
            target.write_bytes(content)
    return root


def holds_together(cohort: Cohort) -> None:
    ids = [scan.scan_id for scan in cohort.scans]
    assert ids == sorted(set(ids))
    assert not set(ids) & {who for who, _ in cohort.problems}
    for scan in cohort.scans:
        assert scan.image.is_file()
        assert scan.scan_id == f"{cohort.name}_{scan.stem}_{scan.suffix}"
        assert scan.person.startswith(f"{cohort.name}/") and len(scan.person) > len(cohort.name) + 1
        assert scan.sex in (None, "M", "F", "O")
        assert scan.age is None or 0 <= scan.age <= 130
        read_grid(scan.image, scan.affine)
    for _, message in cohort.problems + cohort.notes:
        assert message and "\n" not in message


@pytest.mark.parametrize("seed", range(TREES))
def test_a_fuzzed_tree_gives_a_cohort_or_an_error_with_a_remedy(tmp_path: Path, seed: int) -> None:
    root = random_tree(tmp_path / "tree", random.Random(seed))
    before = sorted(tmp_path.rglob("*"))
    try:
        holds_together(read_cohort(root, read_labels=True))
        expected = {0, 1}
    except UsageError as error:
        assert ":" in str(error) and "\n" not in str(error)
        expected = {2}
    result = CliRunner().invoke(app, ["index", str(root)])
    assert result.exit_code in expected, result.output
    assert "Traceback" not in result.output and "not an error we expected" not in result.output
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("seed", range(HEADERS))
def test_a_fuzzed_header_gives_a_grid_or_an_error_with_a_remedy(
    tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(seed)
    damaged = bytearray(GOOD)
    for _ in range(chance.randrange(1, 12)):
        damaged[chance.randrange(352)] = chance.randrange(256)
    content = bytes(damaged[: chance.randrange(len(damaged))] if chance.random() < 0.2 else damaged)
    zipped = chance.random() < 0.5
    path = tmp_path / ("scan.nii.gz" if zipped else "scan.nii")
    path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    try:
        grid = read_grid(path)
    except ScanError as error:
        assert capfd.readouterr() == ("", "")
        assert str(error).startswith("scan.nii") and ": " in str(error) and "\n" not in str(error)
        return
    assert capfd.readouterr() == ("", "")
    assert len(grid.shape) == 3 and min(grid.shape) >= 1
    assert np.isfinite(grid.affine).all() and abs(np.linalg.det(grid.affine[:3, :3])) > 0


@given(st.text(max_size=40))
def test_any_text_is_an_age_a_sex_or_told(text: str) -> None:
    for read in (read_age, read_sex):
        try:
            value = read(text)
        except ValueError:
            continue
        assert value is None or value in ("M", "F", "O") or 0 <= float(value) <= 130


@given(st.text(max_size=60))
def test_any_text_makes_a_safe_name(text: str) -> None:
    name = safe_name(text)
    assert name == safe_name(name)
    assert all(letter.isascii() and (letter.isalnum() or letter == "-") for letter in name)


@given(st.text(alphabet="sub-_01aT.w/ngiz", max_size=40))
def test_any_file_name_is_taken_apart_and_put_together_again(text: str) -> None:
    name = parse_name(text)
    if name is not None:
        pairs = "_".join(f"{key}-{value}" for key, value in name.entities.items())
        assert f"{pairs}_{name.suffix}{name.extension}" == text


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_KEYS = st.sampled_from(["MagneticFieldStrength", "RepetitionTime", "EchoTime", "FlipAngle", "Manufacturer", "other"])


@settings(max_examples=200)
@given(st.dictionaries(_KEYS, _JSON, max_size=5))
def test_any_metadata_is_an_acquisition(metadata: dict[str, object]) -> None:
    acquired, remarks = acquisition(json.loads(json.dumps(metadata)))
    for value in (acquired.tr_ms, acquired.te_ms, acquired.flip_deg, acquired.field_strength_t):
        assert value is None or 0 < value < 1e6
    assert all("\n" not in remark for remark in remarks)
