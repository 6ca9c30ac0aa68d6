"""register → vote → expand → materialize on made-up brains: equal bytes, resume, broken scans, sides, refusals."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from brainatlas.app import app
from braincaption.failures import read_failures
from braincaption.schema import CATALOG

AXES = [("RAS", 0.0), ("LAS", 0.0), ("ASL", 0.0), ("PSR", 0.0), ("LPI", 0.0), ("RAS", 16.0)]


def brain(*words: str | Path) -> Result:
    """Run `brain atlas` in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


def flow(atlas: Path, cohort: Path, out: Path, *more: str) -> None:
    """Run register, vote and expand; each must succeed."""
    for words in (("register", atlas, cohort, "--out", out, *more), ("vote", out, *more), ("expand", out)):
        result = brain(*words)
        assert result.exit_code == 0, result.output


def files(out: Path) -> dict[str, bytes]:
    """Everything in OUT by its relative path."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory, brains: ModuleType) -> Path:
    """An atlas of three in RAS, and a cohort of two in LAS, far from the origin, in two contrasts."""
    root = tmp_path_factory.mktemp("cohorts")
    brains.write_cohort(root / "atlas", ["01", "02", "03"])
    brains.write_cohort(
        root / "new",
        ["a", "b"],
        labelled=False,
        axcodes="LAS",
        shift=150.0,
        contrasts=("T1w", "T2w"),
        with_people=False,
    )
    return root


@pytest.fixture(scope="module")
def done(cohorts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole flow, run once."""
    out = tmp_path_factory.mktemp("done") / "out"
    flow(cohorts / "atlas", cohorts / "new", out, "--plugin", "Linear")
    return out


def test_the_catalog_has_every_scan_in_every_space(done: Path) -> None:
    table = pq.read_table(done / "catalog.parquet")
    assert table.schema.equals(CATALOG)
    rows = table.to_pylist()
    assert len(rows) == 7 * 7
    assert [row["volume_id"] for row in rows] == sorted((row["volume_id"] for row in rows), key=str.encode)
    by_id = {row["volume_id"]: row for row in rows}
    native = by_id["new_sub-a_T1w@new_sub-a_T1w"]
    assert native["direction"] == "native" and native["matrix"] == list(np.eye(4)[:3].ravel())
    forward, inverse = by_id["new_sub-a_T1w@atlas_sub-01_T1w"], by_id["atlas_sub-01_T1w@new_sub-a_T1w"]
    assert (forward["direction"], inverse["direction"]) == ("forward", "inverse")
    assert forward["axcodes"] == "RAS" and inverse["axcodes"] == "LAS"
    assert inverse["label_origin"] == "manual" and inverse["label_subjects"] == ["atlas/01"]
    assert forward["label_origin"] == "vote:jlf"
    assert forward["label_subjects"] == ["atlas/01", "atlas/02", "atlas/03"]
    assert forward["age"] is None and forward["sex"] is None and inverse["age"] == 20 and inverse["sex"] == "M"
    there, back = (np.vstack([np.reshape(row["matrix"], (3, 4)), [0, 0, 0, 1]]) for row in (forward, inverse))
    assert np.allclose(there @ back, np.eye(4), atol=1e-9)


def test_paths_are_relative_and_there(done: Path) -> None:
    for row in pq.read_table(done / "catalog.parquet").to_pylist():
        for name in ("image_path", "label_path", "mask_path", "space_path"):
            assert (done / row[name]).is_file()


def test_labels_lie_where_they_belong(done: Path, brains: ModuleType) -> None:
    for subject, scale in (("a", 1.0), ("b", 1.03)):
        for contrast in ("T1w", "T2w"):
            anat = done / f"new/sub-{subject}/anat"
            voted = np.asarray(nib.load(anat / f"sub-{subject}_space-{contrast}_desc-jlf_dseg.nii.gz").dataobj)
            _, truth = brains.brain(brains.affine("LAS"), brains.grid_shape("LAS"), scale=scale)
            for label in (brains.LEFT, brains.RIGHT, brains.CORE):
                both = ((voted == label) & (truth == label)).sum()
                assert 2 * both / ((voted == label).sum() + (truth == label).sum()) > 0.85
            confidence = nib.load(anat / f"sub-{subject}_space-{contrast}_desc-jlfconfidence_probseg.nii.gz")
            assert 0.5 < confidence.get_fdata()[voted > 0].mean() <= 1.0


def test_the_same_command_again_does_nothing(cohorts: Path, done: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*.nii.gz")}
    transforms = {path: path.stat().st_mtime_ns for path in done.rglob("*.mat")}
    content = files(done)
    flow(cohorts / "atlas", cohorts / "new", done, "--plugin", "Linear")
    assert {path: path.stat().st_mtime_ns for path in done.rglob("*.nii.gz")} == before
    assert {path: path.stat().st_mtime_ns for path in done.rglob("*.mat")} == transforms
    assert files(done) == content


def test_elsewhere_with_two_workers_after_an_interruption_the_bytes_are_equal(
    cohorts: Path, done: Path, tmp_path: Path
) -> None:
    out = tmp_path / "far" / "away"
    shutil.copytree(done, out)
    # What a run killed in the middle leaves: some scans done, one half-written, working files.
    shutil.rmtree(out / "new/sub-b")
    (out / "new/sub-a/anat/.partial-99-sub-a_desc-brain_T1w.nii.gz").write_bytes(b"half")
    (out / "new/sub-a/anat/sub-a_desc-brain_T2w.json").unlink()
    (out / "atlas/sub-02/anat/sub-02_from-T1w_to-template_mode-image_xfm.mat").unlink()
    (out / "catalog.parquet").unlink()
    (out / ".work").mkdir()
    flow(cohorts / "atlas", cohorts / "new", out, "--plugin", "MultiProc", "--workers", "2")
    assert files(out) == files(done)


def test_materialize_writes_the_rows_asked_for(done: Path, tmp_path: Path, brains: ModuleType) -> None:
    volume = "atlas_sub-01_T1w@new_sub-b_T2w"
    assert brain("materialize", done, "--volume", volume, "--out", tmp_path / "v").exit_code == 0
    labels = nib.load(tmp_path / f"v/{volume}_dseg.nii.gz")
    space = nib.load(done / "new/sub-b/anat/sub-b_desc-brain_T2w.nii.gz")
    assert labels.shape == space.shape and np.allclose(labels.affine, space.affine)
    data = np.asarray(labels.dataobj)
    world = nib.affines.apply_affine(labels.affine, np.argwhere(data == brains.LEFT)).mean(axis=0)
    assert world[0] - 150 < -10
    result = brain("materialize", done, "--volume", "nobody@nowhere", "--out", tmp_path / "w")
    assert result.exit_code == 2 and "IMAGE_ID@SPACE_ID" in result.stderr and not (tmp_path / "w").exists()


@pytest.mark.parametrize(("axcodes", "turn_deg"), AXES)
def test_left_is_left(tmp_path: Path, brains: ModuleType, axcodes: str, turn_deg: float) -> None:
    brains.write_cohort(tmp_path / "atlas", ["1", "2"], axcodes=axcodes, turn_deg=turn_deg)
    brains.write_cohort(tmp_path / "new", ["x"], labelled=False)
    out = tmp_path / "out"
    brain("register", tmp_path / "atlas", tmp_path / "new", "--out", out, "--plugin", "Linear")
    brain("vote", out, "--method", "soft", "--plugin", "Linear")
    voted = nib.load(out / "new/sub-x/anat/sub-x_space-T1w_desc-soft_dseg.nii.gz")
    data = np.asarray(voted.dataobj)
    for label, side in ((brains.LEFT, -1), (brains.RIGHT, 1)):
        world = nib.affines.apply_affine(voted.affine, np.argwhere(data == label))
        assert len(world) > 20 and (np.sign(world[:, 0]) == side).all()


def _four_d(path: Path) -> None:
    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.stack([image.get_fdata()] * 2, axis=-1).astype(np.float32), image.affine), path)


def _zero(path: Path) -> None:
    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), path)


def _nan(path: Path) -> None:
    image = nib.load(path)
    data = image.get_fdata().astype(np.float32)
    data[3, 3, 3] = np.nan
    nib.save(nib.Nifti1Image(data, image.affine), path)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [_four_d, _zero, _nan, _truncated])
def test_a_broken_scan_stands_alone_and_after_repair_is_done(
    cohorts: Path, done: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    shutil.copytree(cohorts / "new", tmp_path / "new")
    shutil.copytree(done, tmp_path / "out")
    broken = tmp_path / "new/sub-b/anat/sub-b_T2w.nii.gz"
    for stale in (tmp_path / "out/new/sub-b/anat").glob("*"):
        stale.unlink()
    damage(broken)
    words = ("register", cohorts / "atlas", tmp_path / "new", "--out", tmp_path / "out", "--plugin", "Linear")
    result = brain(*words)
    assert result.exit_code == 1, result.output
    failed = read_failures(tmp_path / "out")
    assert [(stage, who) for stage, who, _ in failed] == [("register", "new_sub-b_T2w")]
    assert "sub-b_T2w.nii.gz" in failed[0][2] and failed[0][2] in result.stderr
    assert (tmp_path / "out/new/sub-b/anat/sub-b_from-T1w_to-template_mode-image_xfm.mat").exists()
    shutil.copy(cohorts / "new/sub-b/anat/sub-b_T2w.nii.gz", broken)
    flow(cohorts / "atlas", tmp_path / "new", tmp_path / "out", "--plugin", "Linear")
    assert files(tmp_path / "out") == files(done)


def test_a_last_axis_of_one_is_three_dimensional(cohorts: Path, tmp_path: Path) -> None:
    shutil.copytree(cohorts / "new", tmp_path / "new")
    path = tmp_path / "new/sub-a/anat/sub-a_T1w.nii.gz"
    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[..., None], image.affine), path)
    result = brain(
        "strip", tmp_path / "new", "--out", tmp_path / "out", "--sequence", "T1w", "--participant-label", "a",
        "--plugin", "Linear",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert nib.load(tmp_path / "out/new/sub-a/anat/sub-a_desc-brain_T1w.nii.gz").shape == image.shape


def test_labels_on_another_grid_cost_one_atlas_scan(cohorts: Path, tmp_path: Path) -> None:
    shutil.copytree(cohorts / "atlas", tmp_path / "atlas")
    path = tmp_path / "atlas/derivatives/labels/sub-02/anat/sub-02_dseg.nii.gz"
    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[1:], image.affine), path)
    result = brain(
        "register", tmp_path / "atlas", cohorts / "new", "--out", tmp_path / "out", "--plugin", "Linear",
        "--sequence", "T1w", "--participant-label", "a",
    )  # fmt: skip
    assert result.exit_code == 1 and "grid" in result.stderr
    assert [who for _, who, _ in read_failures(tmp_path / "out")] == ["atlas_sub-02_T1w"]
    assert (tmp_path / "out/new/sub-a/anat/sub-a_from-T1w_to-template_mode-image_xfm.mat").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("register", "nowhere", "{new}", "--out", "{out}"), "nowhere"),
        (("register", "{atlas}", "nowhere", "--out", "{out}"), "nowhere"),
        (("register", "{new}", "{atlas}", "--out", "{out}"), "no labelled scan"),
        (("register", "{atlas}", "{new}", "--out", "{out}", "--scheme", "star"), "template, pairwise"),
        (("register", "{atlas}", "{new}", "--out", "{out}", "--plugin", "Abacus"), "choose one of Linear"),
        (
            ("register", "{atlas}", "{new}", "--out", "{out}", "--template", "nowhere.nii"),
            "template cannot be used",
        ),
        (("register", "{atlas}", "{new}", "--out", "{out}", "--method", "knife"), "choose one of command, deepbet"),
        (("strip", "{new}", "--out", "{out}", "--method", "command"), "--command"),
        (("vote", "{out}"), "nothing registered"),
        (("expand", "{out}"), "nothing registered"),
        (("materialize", "{out}", "--out", "{out}/v"), "no catalog.parquet"),
    ],
)
def test_wrong_arguments_write_nothing(cohorts: Path, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    known = {"atlas": cohorts / "atlas", "new": cohorts / "new", "out": tmp_path / "out"}
    result = brain(*[word.format(**known) for word in words])
    assert result.exit_code == 2, result.output
    assert message in result.stderr and not (tmp_path / "out").exists()
    assert len(result.stderr.strip().splitlines()) == 1


def test_muse_beside_freesurfer_is_refused(cohorts: Path, done: Path, tmp_path: Path) -> None:
    shutil.copytree(done, tmp_path / "out")
    shutil.copytree(cohorts / "atlas", tmp_path / "muse")
    settings = json.loads((tmp_path / "out/register.json").read_text())
    (tmp_path / "out/register.json").write_text(json.dumps({**settings, "numbering": "freesurfer"}))
    for path in sorted((tmp_path / "muse/derivatives").rglob("*_dseg.nii.gz")):
        image = nib.load(path)
        renumbered = np.asarray(image.dataobj).copy()
        for mine, muse in ((3, 207), (16, 35), (17, 48), (53, 47)):
            renumbered[np.asarray(image.dataobj) == mine] = muse
        renumbered[0, 0, :7] = (4, 11, 23, 30, 31, 32, 100)
        nib.save(nib.Nifti1Image(renumbered, image.affine), path)
    before = files(tmp_path / "out")
    result = brain("register", tmp_path / "muse", cohorts / "new", "--out", tmp_path / "out", "--plugin", "Linear")
    assert result.exit_code == 2, result.output
    assert "muse" in result.stderr and "freesurfer" in result.stderr
    assert files(tmp_path / "out") == before


def _to_muse(path: Path) -> None:
    image = nib.load(path)
    old = np.asarray(image.dataobj)
    new = old.copy()
    for mine, muse in ((3, 207), (16, 35), (17, 48), (53, 47)):
        new[old == mine] = muse
    new[0, 0, :7] = (4, 11, 23, 30, 31, 32, 100)
    nib.save(nib.Nifti1Image(new, image.affine), path)


def test_another_numbering_within_one_atlas_is_refused(tmp_path: Path, brains: ModuleType) -> None:
    atlas = brains.write_cohort(tmp_path / "atlas", ["1", "2", "3", "4", "5"])
    for path in sorted((atlas / "derivatives").rglob("*_dseg.nii.gz")):
        image = nib.load(path)
        labels = np.asarray(image.dataobj).copy()
        labels[0, 0, :7] = (8, 10, 42, 49, 50, 54, 60)  # enough of FreeSurfer's to tell
        nib.save(nib.Nifti1Image(labels, image.affine), path)
    _to_muse(atlas / "derivatives/labels/sub-4/anat/sub-4_dseg.nii.gz")  # beyond the first few, which are looked at
    result = brain("register", atlas, atlas, "--out", tmp_path / "out", "--plugin", "Linear")
    assert result.exit_code == 1, result.output
    assert [who for _, who, _ in read_failures(tmp_path / "out")] == ["atlas_sub-4_T1w"]
    assert "numbered as muse, the atlas as freesurfer" in result.stderr


def test_voted_labels_stay_voted_in_the_next_round(cohorts: Path, done: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("--labels", f"{done}/new/**/*_desc-jlf_dseg.nii.gz", "--sequence", "T1w", "--plugin", "Linear")
    assert brain("register", done / "new", cohorts / "atlas", "--out", out, *words).exit_code == 0
    assert not list(out.rglob("*desc-manual*")) and len(list(out.rglob("*desc-carried_dseg.nii.gz"))) == 4
    assert brain("vote", out, "--method", "soft", "--plugin", "Linear").exit_code == 0
    assert brain("expand", out).exit_code == 0
    rows = {row["volume_id"]: row for row in pq.read_table(out / "catalog.parquet").to_pylist()}
    carried = ["atlas/01", "atlas/02", "atlas/03"]
    for volume, origin in (
        ("new_sub-a_T1w@atlas_sub-02_T1w", "vote:jlf"),
        ("atlas_sub-02_T1w@atlas_sub-02_T1w", "vote:soft"),
    ):
        assert (rows[volume]["label_origin"], rows[volume]["label_subjects"]) == (origin, carried)


def test_what_to_cite_stands_in_the_catalog(cohorts: Path, tmp_path: Path) -> None:
    shutil.copytree(cohorts / "atlas", tmp_path / "atlas")
    path = tmp_path / "atlas/dataset_description.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "HowToAcknowledge": "Doe 2020"}), encoding="utf-8")
    out = tmp_path / "out"
    for words in (("register", tmp_path / "atlas", tmp_path / "atlas", "--out", out, "--plugin", "Linear"),):
        assert brain(*words).exit_code == 0
    assert brain("expand", out).exit_code == 0
    said = json.loads(pq.read_schema(out / "catalog.parquet").metadata[b"brain.cohorts"])
    assert said["atlas"]["citation"] == "Doe 2020"


def test_the_catalog_says_whose_numbers_the_labels_are(done: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(done, out)
    settings = json.loads((out / "register.json").read_text())
    (out / "register.json").write_text(json.dumps({**settings, "numbering": "muse"}))
    assert brain("expand", out).exit_code == 0
    said = json.loads(pq.read_schema(out / "catalog.parquet").metadata[b"brain.cohorts"])
    assert {facts["numbering"] for facts in said.values()} == {"muse"}


def test_another_cohort_can_be_added(cohorts: Path, tmp_path: Path, brains: ModuleType) -> None:
    out = tmp_path / "out"
    later = brains.write_cohort(tmp_path / "later", ["z"], labelled=False)
    for cohort in (cohorts / "new", later):
        assert (
            brain(
                "register", cohorts / "atlas", cohort, "--out", out, "--sequence", "T1w", "--plugin", "Linear"
            ).exit_code
            == 0
        )
    assert brain("vote", out, "--method", "majority", "--plugin", "Linear").exit_code == 0
    assert brain("expand", out, "--pairs", "atlas-cohort").exit_code == 0
    rows = pq.read_table(out / "catalog.parquet").to_pylist()
    assert len(rows) == 6 + 2 * 3 * 3
    result = brain("register", cohorts / "atlas", later, "--out", out, "--scheme", "pairwise", "--plugin", "Linear")
    assert result.exit_code == 2 and "--scheme" in result.stderr


def test_pairwise_registers_every_pair(cohorts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("--scheme", "pairwise", "--participant-label", "a", "--sequence", "T1w", "--plugin", "Linear")
    assert brain("register", cohorts / "atlas", cohorts / "new", "--out", out, *words).exit_code == 0
    assert len(list(out.rglob("*_xfm.mat"))) == 4 * 3 // 2
    assert (out / "new/sub-a/anat/sub-a_from-T1w_to-atlassub01T1w_mode-image_xfm.mat").exists()
    assert brain("vote", out, "--method", "majority", "--plugin", "Linear").exit_code == 0
    assert brain("expand", out).exit_code == 0
    assert pq.read_table(out / "catalog.parquet").num_rows == 16


def test_nothing_names_a_time(done: Path) -> None:
    for path in done.rglob("*.nii.gz"):
        header = path.read_bytes()[:10]
        assert header[4:8] == b"\0\0\0\0" and not header[3] & 8, f"{path} carries a time or name"
        gzip.decompress(path.read_bytes())
