"""Miniatures of the four NIfTI sources in their exact layouts, quirks included, in; what recipes make of them out."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from brainatlas.cohorts import Selection, read_cohort, read_cohorts
from brainatlas.cohorts.model import REDISTRIBUTION
from brainatlas.cohorts.recipe import load_recipe
from brainatlas.cohorts.recipes import recipe_folder, shipped_recipes
from brainatlas.cohorts.spreadsheet import read_spreadsheet
from braincaption.errors import UsageError

SHAPE = (5, 6, 7)
OASIS_AFFINE = [[0, 0, -1, 80], [1, 0, 0, -128], [0, 1, 0, -128], [0, 0, 0, 1]]
FREESURFER = [0, 2, 3, 4, 10, 11, 12, 13, 17, 18, 41, 42, 43, 49, 50, 51, 52, 53, 54]


def write_scan(path: Path, *, shape: tuple[int, ...] = SHAPE, labels: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.arange(int(np.prod(shape)), dtype=np.int16).reshape(shape)
    data = np.array(FREESURFER, dtype=np.int16)[data % len(FREESURFER)] if labels else data
    nib.save(nib.Nifti1Image(data, np.eye(4)), path)
    return path


def write_analyze(path: Path, shape: tuple[int, ...] = (256, 256, 160, 1)) -> Path:
    """A pair .hdr/.img of plain Analyze; the voxels are one byte each, as sparse as the file system allows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = nib.AnalyzeHeader()
    header.set_data_shape(shape)
    header.set_data_dtype(np.uint8)
    header.set_zooms((1.0,) * len(shape))
    path.with_suffix(".hdr").write_bytes(header.binaryblock)
    with path.with_suffix(".img").open("wb") as handle:
        handle.truncate(int(np.prod(shape)))
    return path


def write_xls(path: Path, rows: list[list[str | float | None]]) -> Path:
    """The oldest Excel format (BIFF2), a plain stream of records, which readers of .xls still take."""
    records = [struct.pack("<HHHH", 0x0009, 4, 0x0002, 0x0010)]
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            place = struct.pack("<HH3x", i, j)
            if isinstance(cell, str):
                text = cell.encode("latin-1")
                records.append(struct.pack("<HH", 0x0004, 8 + len(text)) + place + bytes([len(text)]) + text)
            elif cell is not None:
                records.append(struct.pack("<HH", 0x0003, 15) + place + struct.pack("<d", cell))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(records) + struct.pack("<HH", 0x000A, 0))
    return path


def test_every_recipe_loads_and_names_its_folder() -> None:
    recipes = shipped_recipes()
    assert {"ibsr", "oasis1", "ixi", "kirby21", "fastmri-brain", "m4raw"} <= set(recipes)
    for name, recipe in recipes.items():
        assert (recipe_folder() / name / "README.md").is_file()
        assert recipe.redistribution in REDISTRIBUTION
        assert recipe.citation and recipe.homepage and recipe.obtain and recipe.licence


# IBSR ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ibsr(tmp_path: Path) -> Path:
    root = tmp_path / "IBSR_V2.0_nifti_stripped" / "IBSR_nifti_stripped"
    for number in ("01", "02", "18"):
        folder = root / f"IBSR_{number}"
        write_scan(folder / f"IBSR_{number}_ana.nii.gz", shape=(*SHAPE, 1))
        write_scan(folder / f"IBSR_{number}_ana_brainmask.nii.gz", shape=(*SHAPE, 1))
        write_scan(folder / f"IBSR_{number}_seg_ana.nii.gz", shape=(*SHAPE, 1), labels=True)
        write_scan(folder / f"IBSR_{number}_segTRI_ana.nii.gz", shape=(*SHAPE, 1), labels=True)
        if number != "18":
            write_scan(folder / f"IBSR_{number}_ana_strip.nii.gz", shape=(*SHAPE, 1))
    return root


@pytest.mark.parametrize("above", [0, 1])
def test_ibsr(ibsr: Path, above: int) -> None:
    found = read_cohort([ibsr, ibsr.parent][above], read_labels=True)
    assert (found.name, found.recipe, found.redistribution, found.numbering) == ("ibsr", "ibsr", "ask", "freesurfer")
    assert [scan.scan_id for scan in found.scans] == ["ibsr_sub-01_T1w", "ibsr_sub-02_T1w", "ibsr_sub-18_T1w"]
    assert [scan.image.name for scan in found.scans][1:] == ["IBSR_02_ana_strip.nii.gz", "IBSR_18_ana.nii.gz"]
    assert [scan.stripped for scan in found.scans] == [True, True, False]
    assert all(scan.labels is not None and scan.labels.name.endswith("_seg_ana.nii.gz") for scan in found.scans)
    assert all(scan.mask is not None for scan in found.scans)
    assert {(scan.age, scan.sex) for scan in found.scans} == {(None, None)}
    assert found.problems == ()


def test_ibsr_labels_are_not_read_of_a_cohort(ibsr: Path) -> None:
    assert all(scan.labels is None for scan in read_cohort(ibsr).scans)


# OASIS-1 ------------------------------------------------------------------------------------------------------------

OASIS_CSV = """ID,M/F,Hand,Age,Educ,SES,MMSE,CDR,eTIV,nWBV,ASF,Delay
OAS1_0001_MR1,F,R,74,2,3,29,0,1344,0.743,1.306,N/A
OAS1_0002_MR1,M,R,55,4,1,,,1147,0.81,1.531,N/A
OAS1_0003_MR1,F,R,73,4,3,27,0.5,1454,0.708,1.207,N/A
OAS1_0061_MR1,F,R,20,,,,,1375,0.85,1.277,N/A
OAS1_0061_MR2,F,R,20,,,,,1375,0.85,1.277,40
"""


@pytest.fixture
def oasis(tmp_path: Path) -> Path:
    root = tmp_path / "discs"
    for session in ("0001_MR1", "0002_MR1", "0003_MR1", "0061_MR1", "0061_MR2"):
        name = f"OAS1_{session}"
        processed = root / "disc1" / name / "PROCESSED/MPRAGE"
        write_analyze(processed / "SUBJ_111" / f"{name}_mpr_n4_anon_sbj_111.img")
        write_analyze(processed / "T88_111" / f"{name}_mpr_n4_anon_111_t88_gfc.img", (176, 208, 176, 1))
        write_analyze(root / "disc1" / name / "RAW" / f"{name}_mpr-1_anon.img", (256, 256, 128))
    (root / "oasis_cross-sectional.csv").write_text(OASIS_CSV)
    return root


def test_oasis(oasis: Path) -> None:
    found = read_cohort(oasis)
    assert (found.name, found.redistribution) == ("oasis1", "ask")
    assert [scan.subject for scan in found.scans] == ["0001", "0002", "0003", "0061"]
    assert {scan.subject: (scan.age, scan.sex) for scan in found.scans} == {
        "0001": (74.0, "F"),
        "0002": (55.0, "M"),
        "0003": (73.0, "F"),
        "0061": (20.0, "F"),
    }
    for scan in found.scans:
        assert scan.image.parent.name == "SUBJ_111"
        np.testing.assert_array_equal(scan.affine, OASIS_AFFINE)
        assert (scan.field_strength_t, scan.manufacturer, scan.tr_ms) == (1.5, "Siemens", 9.7)
    assert any("_MR2" in what and what.startswith("1 left out") for _, what in found.notes)
    assert found.problems == ()


def test_oasis_headers_are_repaired_where_the_shape_is_known(oasis: Path) -> None:
    folder = oasis / "disc1/OAS1_0001_MR1/PROCESSED/MPRAGE/SUBJ_111"
    write_analyze(folder / "OAS1_0001_MR1_mpr_n4_anon_sbj_111.img", (256, 256, 128))
    found = read_cohort(oasis)
    assert len(found.scans) == 3
    assert "convert it to NIfTI" in dict(found.problems)["oasis1_sub-0001_T1w"]


def test_oasis_as_nifti_keeps_its_own_affine(tmp_path: Path) -> None:
    write_scan(tmp_path / "OAS1_0007_MR1/PROCESSED/MPRAGE/SUBJ_111/OAS1_0007_MR1_mpr_n4_anon_sbj_111.nii.gz")
    (scan,) = read_cohort(tmp_path).scans
    assert scan.affine is None


def test_oasis_without_its_table(oasis: Path) -> None:
    (oasis / "oasis_cross-sectional.csv").unlink()
    found = read_cohort(oasis)
    assert {(scan.age, scan.sex) for scan in found.scans} == {(None, None)}
    assert any("no oasis_cross-sectional.csv" in what for _, what in found.notes)


def test_oasis_with_the_demented_left_out_by_a_copy_of_the_recipe(oasis: Path, tmp_path: Path) -> None:
    shipped = (recipe_folder() / "oasis1/recipe.toml").read_text(encoding="utf-8")
    assert shipped.count("apply = false") == 1
    copy = tmp_path / "healthy.toml"
    copy.write_text(shipped.replace("apply = false", "apply = true"), encoding="utf-8")
    found = read_cohort(oasis, recipe=copy)
    assert [scan.subject for scan in found.scans] == ["0001", "0002", "0061"]
    assert any("clinical dementia rating" in what for _, what in found.notes)


# IXI ----------------------------------------------------------------------------------------------------------------

IXI_HEADER = ["IXI_ID", "SEX_ID (1=m, 2=f)", "HEIGHT", "WEIGHT", "DOB", "AGE"]
# 12 twice, once without age; 15 twice, once younger; 20 without age; 100 with a missing sex; order unlike the ids'.
IXI_ROWS: list[list[str | float | None]] = [
    [100.0, None, 170.0, 60.0, None, 66.5],
    [2.0, 2.0, 164.0, 58.0, None, 35.800136892539356],
    [12.0, 1.0, 175.0, 70.0, None, None],
    [12.0, 1.0, 175.0, 70.0, None, 38.78],
    [15.0, 1.0, 163.0, 65.0, None, 24.28],
    [15.0, 1.0, 163.0, 65.0, None, 23.0],
    [20.0, 2.0, 0.0, 0.0, None, None],
]
IXI_FILES = ("IXI002-Guys-0828", "IXI012-HH-1211", "IXI015-HH-1258", "IXI020-Guys-0700", "IXI100-IOP-0945")


@pytest.fixture
def ixi(tmp_path: Path) -> Path:
    root = tmp_path / "downloads"
    for name in (*IXI_FILES, "IXI200-Guys-0812"):
        write_scan(root / "IXI-T2" / f"{name}-T2.nii.gz")
    write_scan(root / "IXI-T1" / "IXI002-Guys-0828-T1.nii.gz")
    write_scan(root / "IXI-PD" / "IXI002-Guys-0828-PD.nii.gz")
    write_scan(root / "IXI-MRA" / "IXI002-Guys-0828-MRA.nii.gz")
    write_scan(root / "IXI-DTI" / "IXI002-Guys-0828-DTI-00.nii.gz")
    write_xls(root / "IXI.xls", [list(IXI_HEADER), *IXI_ROWS])
    return root


def test_ixi_joins_on_the_id(ixi: Path) -> None:
    found = read_cohort(ixi, selection=Selection(sequences=("T2w",)))
    known = {scan.subject: (scan.age, scan.sex) for scan in found.scans}
    assert known == {
        "002": (pytest.approx(35.8001, abs=1e-3), "F"),
        "012": (38.78, "M"),
        "015": (None, "M"),
        "020": (None, "F"),
        "100": (66.5, None),
        "200": (None, None),
    }
    said = dict(found.notes)
    assert "contradict" in said["sub-015"]
    assert "no row" in said["sub-200"]
    assert (found.name, found.redistribution, found.licence) == ("ixi", "yes", "CC BY-SA 3.0")


def test_ixi_sequences_and_sites(ixi: Path) -> None:
    found = read_cohort(ixi, selection=Selection(participants=("002",)))
    assert [scan.scan_id for scan in found.scans] == ["ixi_sub-002_PDw", "ixi_sub-002_T1w", "ixi_sub-002_T2w"]
    assert {scan.person for scan in found.scans} == {"ixi/002"}
    t1w = found.scans[1]
    assert (t1w.field_strength_t, t1w.manufacturer, t1w.tr_ms, t1w.flip_deg) == (1.5, "Philips", 9.813, 8.0)
    sites = {scan.subject: scan for scan in read_cohort(ixi).scans if scan.suffix == "T2w"}
    assert (sites["012"].field_strength_t, sites["012"].tr_ms) == (3.0, 5725.79)
    assert (sites["100"].field_strength_t, sites["100"].manufacturer, sites["100"].tr_ms) == (1.5, "GE", None)


def test_ixi_one_folder_finds_the_table_beside_it(ixi: Path) -> None:
    found = read_cohort(ixi / "IXI-T2")
    assert len(found.scans) == 6
    assert found.scans[1].age == 38.78


def test_ixi_table_as_csv(ixi: Path) -> None:
    (ixi / "IXI.xls").unlink()
    rows: list[list[str | float | None]] = [[f'"{name}"' for name in IXI_HEADER], *IXI_ROWS]
    lines = [",".join("" if cell is None else f"{cell}" for cell in row) for row in rows]
    (ixi / "IXI.csv").write_text("\n".join(lines))
    ages = {scan.subject: scan.age for scan in read_cohort(ixi / "IXI-T2").scans}
    assert ages["012"] == 38.78 and ages["015"] is None


def test_ixi_table_with_other_columns_is_refused(ixi: Path) -> None:
    write_xls(ixi / "IXI.xls", [["ID", "AGE"], [2.0, 30.0]])
    with pytest.raises(UsageError, match=r"IXI.xls has no column 'IXI_ID', 'SEX_ID \(1=m, 2=f\)'"):
        read_cohort(ixi)


def test_xls_without_its_reader_says_what_to_install(ixi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlrd", None)
    with pytest.raises(UsageError, match=r"brainatlas\[spreadsheets\].*IXI.csv"):
        read_cohort(ixi)


def test_damaged_xls_is_refused(ixi: Path) -> None:
    (ixi / "IXI.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"junk" * 50)
    with pytest.raises(UsageError, match=r"no readable \.xls"):
        read_cohort(ixi)


@pytest.mark.parametrize("name", ["IXI.xlsx", "IXI.xls"])
def test_xlsx_under_either_name(tmp_path: Path, name: str) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in ([*IXI_HEADER], *IXI_ROWS):
        book.active.append(row)
    book.save(tmp_path / "table.xlsx")
    rows = read_spreadsheet((tmp_path / "table.xlsx").rename(tmp_path / name))
    assert [row["IXI_ID"] for row in rows] == ["100", "2", "12", "12", "15", "15", "20"]
    assert rows[2]["AGE"] == ""


# Kirby21 ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def kirby(tmp_path: Path) -> Path:
    root = tmp_path / "kirby"
    for number in range(1, 43):
        name = f"KKI2009-{number:02d}"
        write_scan(root / name / f"{name}-FLAIR.nii.gz" if number % 2 else root / f"{name}-FLAIR.nii")
    write_scan(root / "KKI2009-01/KKI2009-01-MPRAGE.nii")
    write_scan(root / "KKI2009-01/KKI2009-01-fMRI.nii", shape=(*SHAPE, 3))
    return root


def test_kirby_is_42_scans_of_21_people(kirby: Path) -> None:
    found = read_cohort(kirby, selection=Selection(sequences=("FLAIR",)))
    assert len(found.scans) == 42
    people: dict[str, list[str]] = {}
    for scan in found.scans:
        people.setdefault(scan.person, []).append(scan.subject)
    assert len(people) == 21
    assert {len(scans) for scans in people.values()} == {2}
    assert people["kirby21/849"] == ["01", "25"]
    for scans in people.values():
        facts = {(scan.age, scan.sex) for scan in found.scans if scan.subject in scans}
        assert len(facts) == 1
    assert min(scan.age or 0 for scan in found.scans) == 22 and max(scan.age or 0 for scan in found.scans) == 61
    assert sum(scan.sex == "F" for scan in found.scans) == 20
    assert {(scan.field_strength_t, scan.ti_ms) for scan in found.scans} == {(3.0, 2400.0)}
    assert found.problems == ()


def test_kirby_contrasts_and_a_scan_nobody_knows(kirby: Path) -> None:
    write_scan(kirby / "KKI2009-43-FLAIR.nii")
    found = read_cohort(kirby)
    assert [scan.suffix for scan in found.scans if scan.subject == "01"] == ["FLAIR", "T1w"]
    assert [who for who, what in found.problems if "do not name subject 43" in what] == ["KKI2009-43-FLAIR.nii"]


def test_kirby_people_hold_for_a_bids_copy_too(tmp_path: Path) -> None:
    recipe = tmp_path / "kirby-bids.toml"
    shipped = (recipe_folder() / "kirby21/recipe.toml").read_text(encoding="utf-8")
    recipe.write_text(shipped.partition("[[images]]")[0], encoding="utf-8")
    for subject in ("01", "25", "02"):
        write_scan(tmp_path / f"bids/sub-{subject}/anat/sub-{subject}_FLAIR.nii.gz")
    found = read_cohort(tmp_path / "bids", recipe=recipe)
    assert {scan.subject: (scan.person, scan.age) for scan in found.scans} == {
        "01": ("kirby21/849", 25.0),
        "02": ("kirby21/934", 61.0),
        "25": ("kirby21/849", 25.0),
    }
    assert found.recipe == "kirby21"


# recipes in general -------------------------------------------------------------------------------------------------

NEW_SOURCE = """
name = "clinic"
licence = "none"
redistribution = "no"
[[images]]
path = 'p(?P<subject>\\d+)/v(?P<visit>\\d)_(?P<sequence>t1|fl)\\.nii'
session = "{visit}"
sequence = { t1 = "T1w", fl = "FLAIR" }
labels = ["seg_v{visit}.nii"]
"""


def test_a_new_source_is_one_file(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(NEW_SOURCE)
    for name in ("p7/v1_t1", "p7/v1_fl", "p7/v2_t1", "p7/v2_fl"):
        write_scan(tmp_path / f"scans/{name}.nii")
    write_scan(tmp_path / "scans/p7/seg_v2.nii", labels=True)
    for given in (recipe, tmp_path):
        found = read_cohort(tmp_path / "scans", recipe=given, read_labels=True)
        assert [scan.scan_id for scan in found.scans] == [
            "clinic_sub-7_ses-1_FLAIR",
            "clinic_sub-7_ses-1_T1w",
            "clinic_sub-7_ses-2_FLAIR",
            "clinic_sub-7_ses-2_T1w",
        ]
        assert [scan.labels is not None for scan in found.scans] == [False, False, True, True]
        assert {scan.redistribution for scan in found.scans} == {"no"}


def test_a_recipe_by_name_and_one_that_is_not_there(kirby: Path, tmp_path: Path) -> None:
    assert read_cohort(kirby, recipe=Path("kirby21")).name == "kirby21"
    with pytest.raises(UsageError, match="is no file and no recipe we ship: those are fastmri-brain, ibsr"):
        read_cohort(kirby, recipe=tmp_path / "no.toml")


def test_one_recipe_for_several_folders_holds_for_those_it_knows(kirby: Path, tmp_path: Path) -> None:
    write_scan(tmp_path / "bids/sub-01/anat/sub-01_T1w.nii.gz")
    both = read_cohorts([tmp_path / "bids", kirby], recipe=Path("kirby21"))
    assert [found.recipe for found in both] == [None, "kirby21"]
    (tmp_path / "junk").mkdir()
    with pytest.raises(UsageError, match="recipe kirby21 knows none of its files either"):
        read_cohort(tmp_path / "junk", recipe=Path("kirby21"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "no TOML"),
        ("title = 'x'", "name"),
        ("name = 'a b'", "letters, digits and hyphens"),
        ("name = 'a'\nredistribution = 'maybe'", "none of yes, no, ask, unknown"),
        ("name = 'a'\ncolour = 'red'", "does not know colour"),
        ("name = 'a'\n[[images]]\npath = 'x.nii'", r"no group \(\?P<subject>"),
        ("name = 'a'\n[[images]]\npath = '(?P<subject>x'", "is not as wanted"),
        ("name = 'a'\n[[images]]\npath = '(?P<subject>x)'\nlabels = '{site}'", "is not as wanted"),
        ("name = 'a'\n[[hdf5]]\npath = '(?P<subject>x)'\nsequence = {}\nread = 'kspace'", r"\(\?P<sequence>"),
        ("name = 'a'\n[[hdf5]]\npath = '(?P<subject>x)(?P<sequence>y)'\nsequence = {}\nread = 'dicom'", "'dicom'"),
        ("name = 'a'\n[[repairs]]\nshape = [1, 2]\naffine = [[1]]", "4×4"),
        ("name = 'a'\n[[people]]\nperson = 'p'\nsubjects = ['1']\nsex = 'Q'", "'Q'"),
        ("name = 3", "is not as wanted"),
        ("name = 'a'\nimages = 3", "is not as wanted"),
        ("name = 'a'\n[[protocols]]\nfield = 3", "does not know field"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_fault(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        load_recipe(path)


def test_the_recipe_in_the_documentation_is_one(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "cohorts.md").read_text(encoding="utf-8")
    blocks = [part.partition("```")[0] for part in text.split("```toml\n")[1:]]
    assert len(blocks) == 3
    (tmp_path / "recipe.toml").write_text("\n".join(blocks), encoding="utf-8")
    recipe = load_recipe(tmp_path / "recipe.toml")
    assert recipe.name == "clinic" and recipe.demographics is not None
    assert len(recipe.images) == len(recipe.people) == len(recipe.protocols) == len(recipe.repairs) == 1
    assert len(recipe.excluded) == 2 and len(recipe.hdf5) == 1


@pytest.mark.isolated
def test_recipes_ship_inside_the_wheel(tmp_path: Path) -> None:
    package = Path(__file__).resolve().parents[2] / "packages" / "brainatlas"
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(package)]
    subprocess.run(pip, check=True)
    (wheel,) = tmp_path.glob("brainatlas-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    script = "from brainatlas.cohorts.recipes import *; print(recipe_folder()); print(*shipped_recipes())"
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    folder, names = run.stdout.splitlines()
    assert Path(folder) == (tmp_path / "installed/brainatlas/recipes").resolve()
    assert names.split() == list(shipped_recipes())
