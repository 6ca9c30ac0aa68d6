"""The report: everything in one escaped file, pictures upright, truth found by entities, odd scans named."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainatlas.geometry import write_itk
from brainatlas.labelfile import write_labels
from brainatlas.layout import Place
from brainatlas.niftifile import write_nifti
from brainatlas.record import Record, checksum, write_record
from brainatlas.register.template import load_template
from brainatlas.report import write_report
from brainatlas.report.tiles import COLUMNS, GAP, TILE, View, data_uri, grey, label_colours, mosaic, view_of
from brainatlas.report.truth import find_truth
from brainatlas.report.wording import word_methods
from brainatlas.settings import OutSettings, write_settings
from braincaption.errors import PartialFailure, UsageError
from braincaption.failures import FailureLog
from braincaption.nifti import load_labels

SHAPE = (24, 28, 20)
AFFINE = np.array([[-6.0, 0, 0, 70], [0, 6, 0, -95], [0, 0, 7, -60], [0, 0, 0, 1]])


def ball(radius: float, shift: float = 0.0) -> np.ndarray:
    """A ball around the grid's centre, radius in voxels."""
    axes = np.ogrid[tuple(slice(0, n) for n in SHAPE)]
    middle = [(n - 1) / 2 for n in SHAPE]
    return (
        sum((axis - m - (shift if i == 0 else 0)) ** 2 for i, (axis, m) in enumerate(zip(axes, middle, strict=True)))
        < radius**2
    )


def fabricate(out: Path, cohort: str, subject: str, *, method: str, volume_ml: float = 1400.0) -> Place:
    """One scan of OUT as strip, register and vote leave it."""
    place = Place(out=out, cohort=cohort, stem=f"sub-{subject}", suffix="T1w")
    brain = ball(8)
    rng = np.random.default_rng(len(subject))
    write_nifti(place.brain, (brain * rng.uniform(80, 120, SHAPE)).astype(np.float32), AFFINE)
    write_nifti(place.mask, brain, AFFINE)
    write_itk(place.transform(), np.eye(4))
    labels = np.where(ball(3), 10, 0) + np.where(ball(6) & ~ball(3), 2, 0)
    record = {"voters": ["atlas_sub-01_T1w"], "note": ""} if method != "manual" else {}
    write_labels(place, method, labels.astype(np.uint16), AFFINE, names={10: "Left-Thalamus"}, record=record)
    if method != "manual":
        write_nifti(place.confidence(method), np.where(brain, 0.9, 0).astype(np.float32), AFFINE)
    write_record(
        Record(
            place=place, person=f"{cohort}/{subject}", age=61.0, sex="F", volume_ml=volume_ml, strip_method="deepbet"
        )
    )
    return place


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    fabricate(folder, "atlas", "01", method="manual")
    fabricate(folder, "new", "x1", method="majority")
    write_settings(
        folder,
        OutSettings(
            template="ICBM152",
            template_sha256=load_template().sha256,
            numbering="freesurfer",
            cohorts=("atlas", "new<script>alert(1)</script>"),
        ),
    )
    return folder


class Outside(HTMLParser):
    """Collects what a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.pictures: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag in ("script", "iframe", "object", "link")
        for name, value in attrs:
            if name in ("src", "srcset", "data", "poster") and value is not None:
                (self.pictures if value.startswith("data:image/png;base64,") else self.loaded).append(value)


def read_page(out: Path) -> tuple[str, Outside]:
    text = (out / "report.html").read_text(encoding="utf-8")
    page = Outside()
    page.feed(text)
    return text, page


def test_the_page_stands_alone_and_is_escaped(out: Path) -> None:
    assert write_report(out) == out / "report.html"
    text, page = read_page(out)
    assert page.loaded == [] and page.scripts == 0
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text
    assert len(page.pictures) == 5 + 4  # voted: mask, registration twice, labels, doubt; manual: no doubt
    for picture in page.pictures:
        image = Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2])))
        assert image.size[0] == COLUMNS * (TILE + GAP)
    for said in ("new_sub-x1_T1w", "Left-Thalamus", "Left-Cerebral-White-Matter", "1400", "61 years", "antspyx"):
        assert said in text, said
    assert "://" not in text  # base64 has no colon


def test_equal_outputs_give_an_equal_page(out: Path) -> None:
    write_report(out)
    first = (out / "report.html").read_bytes()
    write_report(out)
    assert (out / "report.html").read_bytes() == first


def test_the_page_does_not_depend_on_the_number_of_processes(out: Path) -> None:
    for subject in ("y1", "y2", "y3"):
        fabricate(out, "new", subject, method="majority")
    fabricate(out, "new", "y4", method="majority").brain.write_bytes(b"no NIfTI")
    pages = []
    for workers in (1, 2):
        with pytest.raises(PartialFailure, match="new_sub-y4_T1w"):
            write_report(out, workers=workers)
        pages.append((out / "report.html").read_bytes())
    assert pages[0] == pages[1]


def test_dice_against_the_truth(out: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth" / "sub-x1" / "anat"
    known = np.where(ball(3), 10, 0) + np.where(ball(6) & ~ball(3), 1002, 0)
    write_nifti(truth / "sub-x1_dseg.nii.gz", known.astype(np.uint16), AFFINE)
    write_report(out, tmp_path / "truth")
    text, _ = read_page(out)
    thalamus = text[text.index("<td>Left-Thalamus</td>") :]
    assert "1.000" in thalamus[: thalamus.index("</tr>")]
    cortex = text[text.index("<td>Left-Cerebral-Cortex</td>") :]  # the parcel 1002, merged
    assert "0.000" in cortex[: cortex.index("</tr>")]
    assert "Left-Cerebral-Cortex (3) was not found" in text
    assert "mean Dice 0.500" in text


def test_truth_of_another_grid_or_person_is_not_used(out: Path, tmp_path: Path) -> None:
    grid = load_labels(Place(out=out, cohort="new", stem="sub-x1", suffix="T1w").mask)
    record = Record(place=Place(out=out, cohort="new", stem="sub-x1", suffix="T1w"), person="new/x1")
    labels = np.ones(SHAPE, dtype=np.uint8)
    write_nifti(tmp_path / "t" / "sub-x2_dseg.nii.gz", labels, AFFINE)
    assert find_truth(tmp_path / "t", {"new"}).of(record, grid) == (None, "")
    write_nifti(tmp_path / "t" / "sub-x1_space-T2w_dseg.nii.gz", labels, AFFINE)
    assert find_truth(tmp_path / "t", {"new"}).of(record, grid) == (None, "")
    moved = AFFINE.copy()
    moved[0, 3] += 3
    write_nifti(tmp_path / "t" / "sub-x1_dseg.nii.gz", labels, moved)
    assert "another grid" in find_truth(tmp_path / "t", {"new"}).of(record, grid)[1]
    write_nifti(tmp_path / "t" / "atlas" / "sub-x1_dseg.nii.gz", labels, AFFINE)
    assert find_truth(tmp_path / "t" / "atlas", {"new", "atlas"}).of(record, grid) == (None, "")  # another cohort's x1
    found, reason = find_truth(tmp_path / "t", {"new"}).of(record, grid)
    assert found is not None and reason == ""


def test_truth_that_is_none_is_refused_before_writing(out: Path, tmp_path: Path) -> None:
    for folder, said in ((tmp_path / "nowhere", "is no folder"), (tmp_path, "holds no file")):
        if folder == tmp_path:
            folder = tmp_path / "empty"
            folder.mkdir()
        with pytest.raises(UsageError, match=said):
            write_report(out, folder)
    with pytest.raises(UsageError, match="nothing registered"):
        write_report(tmp_path / "empty")
    assert not (out / "report.html").exists()


def test_what_is_odd_is_named_with_its_reason(out: Path) -> None:
    shifted = np.eye(4)
    shifted[0, 3] = 60.0
    write_itk(Place(out=out, cohort="new", stem="sub-x1", suffix="T1w").transform(), shifted)
    for number in range(2, 9):
        fabricate(out, "new", f"x{number}", method="majority", volume_ml=1400 + number)
    fabricate(out, "new", "x9", method="majority", volume_ml=700.0)
    log = FailureLog(out, "strip")
    log.add("new_sub-x0_T1w", "sub-x0_T1w.nii.gz is truncated: download it again")
    with pytest.raises(PartialFailure):
        log.close()
    write_report(out)
    text, _ = read_page(out)
    attention = text[text.index('id="attention"') : text.index('id="overview"')]
    assert "new_sub-x0_T1w" in attention and "truncated" in attention
    assert "brain of 700 ml stands apart" in attention
    rows = [row for row in attention.split("<tr>") if "overlap by a Dice" in row]
    assert any("new_sub-x1_T1w" in row for row in rows)


def test_a_broken_scan_is_listed_and_the_others_are_shown(out: Path) -> None:
    fabricate(out, "new", "x2", method="majority").brain.write_bytes(b"no NIfTI")
    with pytest.raises(PartialFailure, match="new_sub-x2_T1w"):
        write_report(out)
    text, page = read_page(out)
    assert "failed in report" in text
    assert len(page.pictures) == 9


def test_left_is_on_the_right_in_every_axial_and_coronal_tile() -> None:
    for flip in (AFFINE, AFFINE @ np.array([[-1.0, 0, 0, 23], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])):
        x = flip[0, 0] * np.arange(SHAPE[0]) + flip[0, 3]
        left = np.broadcast_to((x < x.mean())[:, None, None], SHAPE)  # the patient's left: RAS x below the middle
        view = view_of(np.ones(SHAPE, bool), flip)
        seen = mosaic(left.astype(np.uint8), flip, view, nearest=True)
        tile = TILE + GAP
        for column in range(COLUMNS):
            axial = seen[: seen.shape[0] // 4, column * tile : (column + 1) * tile]
            where = np.nonzero(axial)[1]
            assert where.size and where.mean() > np.nonzero(np.ones_like(axial))[1].mean() * 0.9
            drawn = (view.high - view.low)[0] / view.pixel_mm
            assert where.min() > drawn / 2 - 6  # a voxel is five pixels wide


def test_pixels_are_square_in_the_world() -> None:
    view = View(low=np.array([0.0, 0.0, 0.0]), high=np.array([150.0, 75.0, 30.0]))
    assert view.pixel_mm == 150 / TILE
    seen = mosaic(np.ones((150, 75, 30), np.uint8), np.eye(4), view, nearest=True)
    axial = seen[: round(75 / view.pixel_mm) + 2, : TILE + GAP]
    assert np.count_nonzero(axial.any(axis=0)) == pytest.approx(TILE, abs=2)
    assert np.count_nonzero(axial.any(axis=1)) == pytest.approx(TILE / 2, abs=2)


def test_pictures_and_colours_are_reproducible() -> None:
    picture = grey(np.arange(12.0).reshape(3, 4), 0, 11)
    assert picture.shape == (3, 4, 3) and picture[0, 0, 0] == 0 and picture[2, 3, 0] == 235
    assert data_uri(picture) == data_uri(picture.copy())
    colours = label_colours()[np.array([2, 3, 4, 10, 11, 12, 13, 17, 18, 41, 42, 43, 49, 50, 51, 52, 53, 54])]
    assert len({tuple(colour) for colour in colours.tolist()}) == 18


def test_methods_text_cites_what_was_done_and_only_that() -> None:
    base = OutSettings(template="ICBM152", cohorts=("a", "b"))
    plain = word_methods(base, scans=3, atlas=1, strippers=["deepbet"], fusers=["jlf", "manual"], scored=False)
    assert "joint label fusion" in plain.paragraphs[0] and "[1]" in plain.paragraphs[0]
    assert any("Wang H" in line for line in plain.references)
    assert not any("STAPLE" in line for line in plain.references)
    cited = {int(number) for number in re.findall(r"\[(\d+)\]", plain.paragraphs[0])}
    assert cited == set(range(1, len(plain.references) + 1))
    assert plain.commands[0] == "brain atlas register a b --out OUT"
    other = OutSettings(scheme="pairwise", transform="syn", template="mine.nii.gz", cohorts=("a",))
    said = word_methods(other, scans=3, atlas=1, strippers=["none"], fusers=["staple"], scored=True)
    assert "every pair once" in said.paragraphs[0] and any("diffeomorphic" in line for line in said.references)
    assert said.commands[0].endswith("--scheme pairwise --transform syn --template mine.nii.gz")


def test_masks_are_shown_on_the_heads_they_were_cut_from(out: Path, tmp_path: Path) -> None:
    head = tmp_path / "new" / "sub-x1" / "anat" / "sub-x1_T1w.nii.gz"
    write_nifti(head, (ball(11) * 100).astype(np.float32), AFFINE)
    (tmp_path / "new" / "dataset_description.json").write_text('{"Name": "new", "BIDSVersion": "1.10.0"}', "utf-8")
    write_report(out, cohorts=[tmp_path / "new"])
    assert "the scan as it came" not in read_page(out)[0]  # another file than the one that was stripped
    place = Place(out=out, cohort="new", stem="sub-x1", suffix="T1w")
    write_record(Record(place=place, person="new/x1", source_sha256=checksum(head), volume_ml=1400.0))
    write_report(out, cohorts=[tmp_path / "new"])
    assert read_page(out)[0].count("the scan as it came") == 1
