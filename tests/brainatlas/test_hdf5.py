"""Miniatures of fastMRI brain and M4Raw in their exact formats, quirks included, in; slices and refusals compared."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from brainatlas.app import app
from brainatlas.cohorts import read_cohort
from brainatlas.hdf5.cohort import find_hdf5_cohort
from brainatlas.hdf5.header import MOST_BYTES, parse_header
from brainatlas.hdf5.kspace import root_sum_of_squares
from brainatlas.hdf5.picture import square_picture
from brainatlas.hdf5.volume import read_magnitudes
from braincaption.errors import ScanError, UsageError
from braincaption.render.settings import ViewSettings
from braincaption.slicefolder import SliceFolder, read_slices

FASTMRI_T = "2.8936"  # as Siemens' headers say it
SIZE = ("--size", "32")


def header(field_t: str | None = FASTMRI_T, fov: tuple[float, float] | None = (220, 220), side: int = 20) -> bytes:
    """An ISMRMRD header as fastMRI's are, cut down; what is None is left out."""
    field = "" if field_t is None else f"<systemFieldStrength_T>{field_t}</systemFieldStrength_T>"
    sizes = ""
    if fov is not None:
        sizes = (
            f"<matrixSize><x>{side}</x><y>{side}</y><z>1</z></matrixSize>"
            f"<fieldOfView_mm><x>{fov[0]}</x><y>{fov[1]}</y><z>7.5</z></fieldOfView_mm>"
        )
    return (
        '<?xml version="1.0" encoding="utf-8"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">'
        f"<acquisitionSystemInformation><systemVendor>SIEMENS</systemVendor>{field}"
        "<receiverChannels>4</receiverChannels></acquisitionSystemInformation>"
        "<encoding><encodedSpace><matrixSize><x>640</x><y>320</y><z>1</z></matrixSize>"
        "<fieldOfView_mm><x>440</x><y>220</y><z>7.5</z></fieldOfView_mm></encodedSpace>"
        f"<reconSpace>{sizes}</reconSpace></encoding>"
        "<sequenceParameters><TR>500</TR><TE>8.2</TE><flipAngle_deg>70</flipAngle_deg></sequenceParameters>"
        "</ismrmrdHeader>"
    ).encode()


def head(slices: int, rows: int, columns: int, grey: float) -> np.ndarray:
    """A bright disc of half the width in every slice, brighter at the top left, so that turns are seen."""
    down, across = np.indices((rows, columns))
    disc = (((down - rows / 2) / (rows / 4)) ** 2 + ((across - columns / 2) / (columns / 4)) ** 2) < 1
    image = np.where(disc, grey * (2 - (down + across) / (rows + columns)), 0.0)
    return np.repeat(image[None], slices, axis=0).astype(np.float32)


def write_fastmri(
    path: Path, person: str | None, *, shape: tuple[int, int, int] = (3, 20, 20), xml: bytes | None = None
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as made:
        made["reconstruction_rss"] = head(*shape, grey=1e-4)
        made["kspace"] = np.zeros((shape[0], 2, 40, 20), dtype=np.complex64)
        made["ismrmrd_header"] = header(side=shape[1]) if xml is None else xml
        made.attrs.update({"acquisition": path.name.split("_")[2], "max": 2e-4, "norm": 1e-2})
        if person is not None:
            made.attrs["patient_id"] = person


def fourier(images: np.ndarray) -> np.ndarray:
    """Magnitudes (slices, rows, columns) as k-space of two coils whose squares add up to them."""
    coils = np.stack([0.6 * images, 0.8j * images], axis=1)
    centred = np.fft.ifftshift(coils, axes=(-2, -1))
    return np.fft.fftshift(np.fft.fft2(centred, norm="ortho"), axes=(-2, -1)).astype(np.complex64)


def write_m4raw(path: Path, images: np.ndarray, xml: bytes | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as made:
        made["kspace"] = fourier(images)
        made["reconstruction_rss"] = np.zeros_like(images)  # there, and not what is read
        if xml is not None:
            made["ismrmrd_header"] = xml


@pytest.fixture
def fastmri(tmp_path: Path) -> Path:
    """Four people; the first has every sequence, one has pictures that are not square, one a header without field."""
    root = tmp_path / "fastmri"
    for i, sequence in enumerate(("AXT1", "AXT1PRE", "AXT1POST", "AXT2", "AXFLAIR")):
        write_fastmri(root / "multicoil_train" / f"file_brain_{sequence}_200_600202{i}.h5", "a" * 64)
    write_fastmri(root / "multicoil_val" / "file_brain_AXT2_201_6002030.h5", "b" * 64, shape=(2, 20, 12))
    silent = header(field_t=None, fov=None)
    write_fastmri(root / "multicoil_val" / "file_brain_AXT2_202_2020031.h5", "c" * 64, xml=silent)
    low = header(field_t="1.494")
    write_fastmri(root / "multicoil_val" / "file_brain_AXFLAIR_203_6000032.h5", "d" * 64, xml=low)
    with h5py.File(root / "multicoil_val" / "other.h5", "w"):
        pass
    test = root / "brain_multicoil_test" / "file_brain_AXT2_207_2070504.h5"
    write_fastmri(test, "e" * 64)
    with h5py.File(test, "a") as made:
        del made["reconstruction_rss"]
    return root


@pytest.fixture
def m4raw(tmp_path: Path) -> Path:
    """Two people; the second lacks the third T1w."""
    root = tmp_path / "m4raw"
    xml = header(field_t="0.3", fov=(240, 240))
    for person, lacking in (("2022061003", ""), ("2022061004", "T103")):
        for name in ("T101", "T102", "T103", "T201", "T202", "T203", "FLAIR01", "FLAIR02"):
            if name != lacking:
                write_m4raw(root / "train" / f"{person}_{name}.h5", int(name[-1]) * head(3, 20, 20, 1.0), xml)
    return root


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def made(root: Path, out: Path, *options: object) -> SliceFolder:
    code, _, said = run("slices", root, "--out", out, *SIZE, *options)
    assert code == 0, said
    return read_slices(out)


def test_fastmri_slices_state_contrast_and_field_and_keep_people_together(fastmri: Path, tmp_path: Path) -> None:
    table = made(fastmri, tmp_path / "out").table
    by_scan = table.groupby("volume_id").agg(n=("index", "size"), sequence=("sequence", "first"))
    assert len(table) == 3 * 5 + 2 + 3 + 3
    first = table[table["person"] == "fastmri-brain/" + "a" * 64]
    assert sorted(first.groupby("volume_id")["sequence"].first()) == ["FLAIR", "T1ce", "T1w", "T1w", "T2w"]
    assert by_scan["sequence"].value_counts()["T1ce"] == 1, "post-contrast apart"
    assert table.groupby("person")["split"].nunique().max() == 1
    assert set(table["split"]) == {"train", "validation", "test"}
    fields = table.groupby("person")["field_strength_t"].first()
    assert fields["fastmri-brain/" + "a" * 64] == 3.0, "2.8936 T is called 3 T"
    assert fields["fastmri-brain/" + "d" * 64] == 1.5
    assert np.isnan(fields["fastmri-brain/" + "c" * 64])
    captions = set(table["caption"])
    assert "Axial contrast-enhanced T1-weighted MRI of the brain at 3 T." in captions
    assert "Axial T2-weighted MRI of the brain." in captions, "a silent header is no reason to make a field up"
    assert table["displayed_side"].isna().all() and table["position_mm"].isna().all()


def test_pictures_keep_the_pixel_size_and_are_never_stretched(fastmri: Path, tmp_path: Path) -> None:
    found = made(fastmri, tmp_path / "out", "--fov", 220)
    table = found.table
    wide = {}
    for letter in "ab":
        row = int(np.flatnonzero((table["person"] == "fastmri-brain/" + letter * 64) & (table["sequence"] == "T2w"))[0])
        picture = found.image(row)
        wide[letter] = (np.ptp(np.flatnonzero(picture.any(axis=1))), np.ptp(np.flatnonzero(picture.any(axis=0))))
        upper, lower, left, right = picture[12, 16], picture[20, 16], picture[16, 14], picture[16, 19]
        assert upper > lower and left > right, "as stored: neither flipped nor turned"
    assert wide["a"][0] == wide["a"][1]
    assert wide["b"][0] == wide["a"][0]
    assert wide["b"][1] < 0.75 * wide["a"][1], "12 columns of the same pixel size"
    silent = table[table["person"] == "fastmri-brain/" + "c" * 64]
    assert silent["pixel_mm"].isna().all()


def test_m4raw_is_reconstructed_and_its_repetitions_are_averaged(m4raw: Path, tmp_path: Path) -> None:
    cohort = find_hdf5_cohort(m4raw, None)
    assert cohort is not None
    scans = {scan.scan_id: scan for scan in cohort.scans}
    assert len(scans) == 6
    truth = head(3, 20, 20, 1.0)
    for name, mean in (("2022061003_T1w", 2.0), ("2022061004_T1w", 1.5), ("2022061003_FLAIR", 1.5)):
        assert np.allclose(read_magnitudes(m4raw, scans[f"m4raw_sub-{name}"]), mean * truth, atol=1e-5)
    assert [note for note, _ in cohort.notes] == ["m4raw_sub-2022061004_T1w"]
    table = made(m4raw, tmp_path / "out").table
    assert len(table) == 6 * 3
    assert set(table["field_strength_t"].astype(float).round(3)) == {0.3}
    assert set(table["person"]) == {"m4raw/2022061003", "m4raw/2022061004"}
    assert table.groupby("person")["split"].nunique().max() == 1


def test_a_silent_header_leaves_the_field_to_the_recipe(tmp_path: Path) -> None:
    for name in ("T201", "T202", "T203"):
        write_m4raw(tmp_path / "raw" / f"2022061005_{name}.h5", head(2, 16, 16, 1.0), None)
    table = made(tmp_path / "raw", tmp_path / "out").table
    assert set(table["field_strength_t"].astype(float).round(3)) == {0.3}


def test_broken_files_are_told_the_rest_is_done_and_repair_completes_it(m4raw: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "out", made(m4raw, tmp_path / "whole")
    victim = m4raw / "train" / "2022061003_T202.h5"
    kept = victim.read_bytes()
    victim.write_bytes(kept[: len(kept) // 2])
    code, _, said = run("slices", m4raw, "--out", out, *SIZE)
    assert (code, "truncated or damaged" in said) == (1, True)
    assert len(read_slices(out).table) == 5 * 3, "not the two other repetitions by themselves"
    with (out / "logs" / "failed.tsv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert [(row["stage"], row["id"]) for row in rows] == [("slices", "m4raw_sub-2022061003_T2w")]
    victim.write_bytes(kept)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    repaired = made(m4raw, out)
    assert not (out / "logs" / "failed.tsv").exists()
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items()), "only what was missing is drawn"
    assert repaired.table.equals(whole.table)
    assert (out / "metadata.parquet").read_bytes() == (tmp_path / "whole" / "metadata.parquet").read_bytes()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda made: made.attrs.__delitem__("patient_id"), "no attribute patient_id"),
        (lambda made: made.__delitem__("reconstruction_rss"), "wanted reconstruction_rss"),
        (lambda made: made.move("reconstruction_rss", "reconstruction_esc"), "holds ismrmrd_header, kspace, recon"),
        (lambda made: made["reconstruction_rss"].__setitem__((0, 10, 10), np.nan), "not finite"),
    ],
)
def test_what_is_missing_is_named_scan_by_scan(fastmri: Path, tmp_path: Path, spoil: object, said: str) -> None:
    path = fastmri / "multicoil_val" / "file_brain_AXT2_201_6002030.h5"
    with h5py.File(path, "a") as opened:
        spoil(opened)  # type: ignore[operator]
    code, _, told = run("slices", fastmri, "--out", tmp_path / "out", *SIZE)
    assert (code, said in told) == (1, True), told
    assert "fastmri-brain_sub-2016002030_T2w" in told
    assert len(read_slices(tmp_path / "out").table) == 21
    code, told, _ = run("index", fastmri)
    assert (code, said in told) == (1, True)


def test_index_recognises_both_sources(fastmri: Path, m4raw: Path) -> None:
    code, told, _ = run("index", fastmri)
    assert code == 0
    assert "fastmri-brain: 8 scans of 4 people (recipe fastmri-brain, HDF5" in told
    assert "may be published: no" in told
    assert "1 files left out: test and challenge files" in told
    assert "FLAIR: 2 scans of 2 people, 1.5 T, 3 T" in told
    code, told, _ = run("index", m4raw)
    assert code == 0
    assert "m4raw: 6 scans of 2 people" in told
    assert "2 of 3 repetitions are there" in told


def test_other_commands_and_other_folders_are_refused(fastmri: Path, m4raw: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="brain atlas slices"):
        read_cohort(fastmri)
    (tmp_path / "bids" / "sub-1" / "anat").mkdir(parents=True)
    (tmp_path / "bids" / "sub-1" / "anat" / "sub-1_T1w.nii.gz").write_bytes(b"")
    code, _, said = run("slices", tmp_path / "bids", "--out", tmp_path / "out")
    assert (code, "no scan in HDF5 that a recipe knows" in said) == (2, True)
    code, _, said = run("slices", m4raw, "--recipe", "fastmri-brain", "--out", tmp_path / "out")
    assert (code, "recipe fastmri-brain knows none of its" in said) == (2, True)
    made(m4raw, tmp_path / "out")
    code, _, said = run("slices", m4raw, "--out", tmp_path / "out", "--size", 16)
    assert (code, "made with other options" in said) == (2, True)
    code, _, said = run("slices", m4raw, "--out", tmp_path / "new", "--size", 4)
    assert (code, "--size 4: wanted 8 to 4096" in said, (tmp_path / "new").exists()) == (2, True, False)
    twin = m4raw / "again" / "2022061003_T101.h5"
    write_m4raw(twin, head(3, 20, 20, 1.0), None)
    code, _, said = run("slices", m4raw, "--out", tmp_path / "new")
    assert (code, "are the same scan and repetition" in said) == (2, True)


def test_without_h5py_the_extra_is_named(m4raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    code, _, said = run("slices", m4raw, "--out", tmp_path / "out")
    assert (code, "pip install 'brainatlas[hdf5]'" in said) == (1, True)


def test_a_header_that_could_expand_is_refused_before_anything_of_it_is_read() -> None:
    bomb = b'<!DOCTYPE h [<!ENTITY a "1"><!ENTITY b "&a;&a;">]><ismrmrdHeader><x>&b;</x></ismrmrdHeader>'
    with pytest.raises(ScanError, match="declares a document type"):
        parse_header(bomb)
    with pytest.raises(ScanError, match="declares a document type"):
        parse_header(bomb.decode().encode("utf-16"))
    with pytest.raises(ScanError, match="bytes, at most"):
        parse_header(b" " * (MOST_BYTES + 1))
    with pytest.raises(ScanError, match="is no XML"):
        parse_header(header()[:100])


def test_a_header_says_what_it_says() -> None:
    found = parse_header(header())
    assert found.acquisition.field_strength_t == pytest.approx(2.8936)
    assert (found.acquisition.tr_ms, found.acquisition.te_ms, found.acquisition.ti_ms) == (500, 8.2, None)
    assert found.acquisition.manufacturer == "SIEMENS"
    assert found.pixel_mm == (11, 11), "of the reconstructed space, not of the oversampled one"


@given(st.integers(4, 9), st.integers(4, 9), st.integers(0, 2**31))
def test_reconstruction_undoes_the_fourier_transform_whatever_the_shape(rows: int, columns: int, seed: int) -> None:
    image = np.random.default_rng(seed).uniform(0.1, 1, (1, rows, columns)).astype(np.float32)
    assert np.allclose(root_sum_of_squares(fourier(image)[0]), image[0], atol=1e-5)


@given(st.integers(5, 40), st.integers(5, 40), st.floats(0.5, 3.0))
def test_a_flat_image_stays_flat_and_lies_in_the_middle(rows: int, columns: int, mm: float) -> None:
    picture = square_picture(np.ones((rows, columns), np.float32), (mm, mm), 1.0, ViewSettings(size=64, fov_mm=64))
    assert set(np.unique(picture)) <= {0, 255}
    assert np.array_equal(picture, picture[::-1, ::-1])
    for axis, length in ((1, rows), (0, columns)):
        assert abs(picture.any(axis=axis).sum() - min(length * mm, 64)) <= 1
