"""Scans that came stripped pass through; masks, commands and their faults are handled as said."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pytest

from brainatlas.cohorts import Scan
from brainatlas.record import read_record
from brainatlas.strip import StripSettings, is_current, is_stripped, largest_filled_component, strip_scan
from brainatlas.strip.methods.command import fill_in
from brainatlas.strip.methods.template import choose_heads
from braincaption.errors import ScanError, UsageError
from braincaption.nifti import Volume, load_image


def _scan(path: Path, **known: object) -> Scan:
    fields = {"scan_id": "c_sub-1_T1w", "cohort": "c", "person": "c/1", "subject": "1", "stem": "sub-1"}
    return Scan(**fields, suffix="T1w", entities={"sub": "1"}, image=path, **known)  # type: ignore[arg-type]


@pytest.fixture
def head(tmp_path: Path, brains: ModuleType) -> Path:
    """A brain in a bright scalp, air around it."""
    matrix, shape = brains.affine(), brains.grid_shape("RAS")
    image, _ = brains.brain(matrix, shape)
    larger, _ = brains.brain(matrix, shape, scale=1.25)
    image = np.where(image > 0, image, np.where(larger > 0, 200, 0)).astype(np.uint8)
    nib.save(nib.Nifti1Image(image, matrix), tmp_path / "head.nii.gz")
    return tmp_path / "head.nii.gz"


@pytest.fixture
def stripped(tmp_path: Path, brains: ModuleType) -> Path:
    """The same brain without scalp."""
    matrix, shape = brains.affine(), brains.grid_shape("RAS")
    nib.save(nib.Nifti1Image(brains.brain(matrix, shape)[0], matrix), tmp_path / "brain.nii.gz")
    return tmp_path / "brain.nii.gz"


def test_the_background_tells_brain_from_head(head: Path, stripped: Path) -> None:
    assert is_stripped(load_image(stripped))
    assert not is_stripped(load_image(head))


def test_a_noisy_background_is_a_head(stripped: Path) -> None:
    volume = load_image(stripped)
    noisy = volume.data + np.random.default_rng(0).uniform(0.5, 3, volume.data.shape).astype(np.float32)
    assert not is_stripped(Volume(data=noisy, affine=volume.affine, path=stripped))


def test_a_stripped_scan_passes_through_unchanged(tmp_path: Path, stripped: Path) -> None:
    record = strip_scan(_scan(stripped), tmp_path / "out", StripSettings())
    assert record.strip_method == "none"
    written = nib.load(record.place.brain)
    assert np.array_equal(np.asarray(written.dataobj), np.asarray(nib.load(stripped).dataobj))
    assert written.get_data_dtype() == np.uint8
    assert is_current(_scan(stripped), tmp_path / "out")
    assert read_record(record.place) == record
    assert record.volume_ml == pytest.approx(4 / 3 * np.pi * 62 * 78 * 58 / 1000, rel=0.05)


def test_metadata_outweighs_the_background(tmp_path: Path, head: Path) -> None:
    record = strip_scan(_scan(head, stripped=True), tmp_path / "out", StripSettings())
    assert record.strip_method == "none"
    assert record.flags and "2303 ml" not in record.flags[0] and "plausible" in record.flags[0]


def test_a_mask_of_the_user(tmp_path: Path, head: Path, stripped: Path) -> None:
    volume = load_image(stripped)
    (tmp_path / "masks").mkdir()
    nib.save(
        nib.Nifti1Image((volume.data > 0).astype(np.uint8), volume.affine), tmp_path / "masks/sub-1_T1w_mask.nii.gz"
    )
    settings = StripSettings(method="mask", masks=tmp_path / "masks")
    record = strip_scan(_scan(head, stripped=False), tmp_path / "out", settings)
    assert np.array_equal(nib.load(record.place.brain).get_fdata(), volume.data)


def _write_head(folder: Path, brains: ModuleType, scale: float, shift: float) -> tuple[Path, Path]:
    """A brain of another size elsewhere, in a scalp, and its mask."""
    matrix, shape = brains.affine(), brains.grid_shape("RAS")
    image, _ = brains.brain(matrix, shape, scale=scale)
    larger, _ = brains.brain(matrix, shape, scale=1.3 * scale)
    head = np.where(image > 0, image, np.where(larger > 0, 230, 0)).astype(np.uint8)
    moved = matrix.copy()
    moved[:3, 3] += shift
    folder.mkdir()
    nib.save(nib.Nifti1Image(head, moved), folder / "head.nii.gz")
    nib.save(nib.Nifti1Image((image > 0).astype(np.uint8), moved), folder / "mask.nii.gz")
    return folder / "head.nii.gz", folder / "mask.nii.gz"


def test_a_mask_is_carried_over_from_the_atlas(tmp_path: Path, brains: ModuleType) -> None:
    image, mask = _write_head(tmp_path / "atlas", brains, 0.95, 40.0)
    target, truth = _write_head(tmp_path / "new", brains, 1.0, 0.0)
    heads = choose_heads([_scan(image, mask=mask)])
    record = strip_scan(_scan(target), tmp_path / "out", StripSettings(method="template", heads=heads))
    found, wanted = (np.asarray(nib.load(path).dataobj) > 0 for path in (record.place.mask, truth))
    assert record.strip_method == "template"
    assert 2 * (found & wanted).sum() / (found.sum() + wanted.sum()) > 0.96


def test_an_atlas_without_heads_cannot_lend_a_mask(stripped: Path, head: Path) -> None:
    for scan in (_scan(stripped, labels=stripped), _scan(head)):
        with pytest.raises(UsageError, match=r"whole heads with brain masks or label maps.*--method deepbet"):
            choose_heads([scan])


def test_n4_takes_the_shading_away_and_is_off_by_default(tmp_path: Path, stripped: Path) -> None:
    source = nib.load(stripped).slicer[::2, ::2, ::2]  # few voxels: seconds
    data = np.asarray(source.dataobj).astype(np.float32)
    shaded = data * np.linspace(0.6, 1.4, data.shape[0], dtype=np.float32)[:, None, None]
    nib.save(nib.Nifti1Image(shaded, source.affine), tmp_path / "shaded.nii.gz")
    scan, settings = _scan(tmp_path / "shaded.nii.gz"), StripSettings(n4=True)
    plain = strip_scan(scan, tmp_path / "plain", StripSettings())
    assert np.array_equal(nib.load(plain.place.brain).get_fdata(dtype=np.float32), shaded)
    mended = strip_scan(scan, tmp_path / "mended", settings)
    assert mended.n4 and read_record(mended.place) == mended and not plain.n4
    assert is_current(scan, tmp_path / "mended", n4=True) and not is_current(scan, tmp_path / "mended")
    inside = data > 0
    spread = [
        float(np.std(image[inside] / data[inside]) / np.mean(image[inside] / data[inside]))
        for image in (shaded, nib.load(mended.place.brain).get_fdata(dtype=np.float32))
    ]
    assert spread[1] < 0.5 * spread[0]
    again = strip_scan(scan, tmp_path / "again", settings)
    assert again.place.brain.read_bytes() == mended.place.brain.read_bytes()


def test_a_missing_mask_is_named(tmp_path: Path, head: Path) -> None:
    with pytest.raises(ScanError, match=r"no mask for c_sub-1_T1w .* wanted sub-1_T1w_mask.nii.gz"):
        strip_scan(_scan(head, stripped=False), tmp_path / "out", StripSettings(method="mask"))


def test_a_command_writes_the_mask(tmp_path: Path, head: Path) -> None:
    script = tmp_path / "cut.py"
    script.write_text(
        "import sys, nibabel as nib, numpy as np\n"
        "image = nib.load(sys.argv[1])\n"
        "data = image.get_fdata()\n"
        "nib.save(nib.Nifti1Image(((data > 0) & (data < 199)).astype(np.uint8), image.affine), sys.argv[2])\n"
    )
    settings = StripSettings(method="command", command=f"{sys.executable} {script} {{image}} {{mask}}")
    record = strip_scan(_scan(head, stripped=False), tmp_path / "out", settings)
    assert record.strip_method == "command"
    assert 900 < record.volume_ml < 1300


@pytest.mark.parametrize(
    ("command", "message"),
    [("false {image} {mask}", "ended with code 1"), ("no-such-program {image} {mask}", "cannot be started")],
)
def test_a_failing_command_is_named(tmp_path: Path, head: Path, command: str, message: str) -> None:
    with pytest.raises(ScanError, match=message):
        strip_scan(_scan(head, stripped=False), tmp_path / "out", StripSettings(method="command", command=command))
    assert not list((tmp_path / "out").rglob("*.nii.gz"))


def test_a_command_without_braces_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--command with \{image\} and \{mask\}"):
        fill_in("bet in out", image=Path("i"), mask=Path("m"), brain=Path("b"))


def test_the_largest_piece_is_filled() -> None:
    signal = np.zeros((12, 12, 12), bool)
    signal[1:8, 1:8, 1:8] = True
    signal[3:6, 3:6, 3:6] = False
    signal[10, 10, 10] = True
    filled = largest_filled_component(signal)
    assert filled.sum() == 7**3 and not filled[10, 10, 10]


@pytest.mark.realdata
def test_deepbet_finds_the_brains_of_ixi(tmp_path: Path, realdata: Path) -> None:
    from scipy.ndimage import binary_closing, binary_fill_holes

    scores = []
    for subject in ("ixi012", "ixi014"):
        image = realdata / f"ixi/sub-{subject}/anat/sub-{subject}_T1w.nii.gz"
        labels = nib.load(realdata / f"ixi/derivatives/labels/sub-{subject}/anat/sub-{subject}_dseg.nii.gz")
        wanted = binary_fill_holes(binary_closing(np.asarray(labels.dataobj) > 0, iterations=2))
        record = strip_scan(_scan(image), tmp_path / subject, StripSettings())
        found = np.asarray(nib.load(record.place.mask).dataobj) > 0
        scores.append(2 * (found & wanted).sum() / (found.sum() + wanted.sum()))
    assert np.mean(scores) >= 0.975
