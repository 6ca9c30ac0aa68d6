"""BIDS folders made here, with the warts of real ones, in; what `read_cohort` says of them compared."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from brainatlas.cohorts import Selection, read_cohort, read_cohorts, refuse_mixed_numbering
from brainatlas.cohorts.people import read_age, read_sex
from braincaption.errors import UsageError

SHAPE = (5, 6, 7)
FREESURFER = [2, 3, 4, 10, 11, 12, 13, 17, 18, 41, 42, 43, 49, 50, 51, 52, 53, 54]
MUSE = [4, 11, 23, 30, 31, 32, 35, 36, 37, 47, 48, 55, 56, 57, 58, 59, 60, 100, 101, 207]


def write_scan(path: Path, *, shape: tuple[int, ...] = SHAPE, zoom: float = 1.0, ids: list[int] | None = None) -> Path:
    """A small volume; with `ids`, a label map that holds them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.arange(int(np.prod(shape)), dtype=np.int16).reshape(shape)
    if ids is not None:
        data = np.array(ids, dtype=np.int16)[data % len(ids)]
    nib.save(nib.Nifti1Image(data, np.diag([zoom, zoom, zoom, 1.0])), path)
    return path


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Two people, one with two sessions and three contrasts."""
    root = tmp_path / "my_cohort v2"
    write_scan(root / "sub-01/anat/sub-01_T1w.nii.gz")
    for suffix in ("T1w", "T2w", "FLAIR"):
        write_scan(root / f"sub-02/ses-a/anat/sub-02_ses-a_{suffix}.nii.gz")
    write_scan(root / "sub-02/ses-b/anat/sub-02_ses-b_acq-mprage_run-02_T1w.nii")
    return root


def ids_of(cohort: Any) -> list[str]:
    return [scan.scan_id for scan in cohort.scans]


def test_scan_ids_sessions_and_contrasts(cohort: Path) -> None:
    found = read_cohort(cohort)
    assert found.name == "my-cohort-v2"
    assert ids_of(found) == [
        "my-cohort-v2_sub-01_T1w",
        "my-cohort-v2_sub-02_ses-a_FLAIR",
        "my-cohort-v2_sub-02_ses-a_T1w",
        "my-cohort-v2_sub-02_ses-a_T2w",
        "my-cohort-v2_sub-02_ses-b_acq-mprage_run-02_T1w",
    ]
    last = found.scans[-1]
    assert (last.stem, last.suffix, last.session) == ("sub-02_ses-b_acq-mprage_run-02", "T1w", "b")
    assert last.entities == {"sub": "02", "ses": "b", "acq": "mprage", "run": "02"}
    assert {scan.person for scan in found.scans} == {"my-cohort-v2/01", "my-cohort-v2/02"}
    assert found.problems == ()


def test_scans_are_hashable_and_pickle(cohort: Path) -> None:
    scans = read_cohort(cohort).scans
    assert pickle.loads(pickle.dumps(scans)) == scans  # noqa: S301  our own bytes
    assert len(set(scans)) == 5


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        (Selection(participants=("02",)), 4),
        (Selection(participants=("sub-02",), sessions=("ses-a",)), 3),
        (Selection(sequences=("T1w",)), 3),
        (Selection(participants=("01", "02"), sessions=("b",), sequences=("T1w",)), 1),
    ],
)
def test_selection(cohort: Path, selection: Selection, count: int) -> None:
    assert len(read_cohort(cohort, selection=selection).scans) == count


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Selection(participants=("03",)), "--participant-label 03 is not in .*there is 01, 02"),
        (Selection(sessions=("c",)), "--session-label c .*there is a, b"),
        (Selection(sequences=("T3w",)), "--sequence T3w .*FLAIR, T1w, T2w"),
        (Selection(participants=("01",), sequences=("FLAIR",)), "no scan of .* has all that was asked for"),
    ],
)
def test_unknown_labels_are_refused(cohort: Path, selection: Selection, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_cohort(cohort, selection=selection)


def test_a_label_needs_to_be_in_one_of_several_cohorts(cohort: Path, tmp_path: Path) -> None:
    write_scan(tmp_path / "other/sub-99/anat/sub-99_T1w.nii.gz")
    both = read_cohorts([cohort, tmp_path / "other"], selection=Selection(participants=("99",)))
    assert [found.name for found in both] == ["other"]
    with pytest.raises(UsageError, match="--participant-label 98"):
        read_cohorts([cohort, tmp_path / "other"], selection=Selection(participants=("99", "98")))


def test_two_folders_of_one_name_are_refused(cohort: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "my cohort-v2"
    write_scan(other / "sub-01/anat/sub-01_T1w.nii.gz")
    with pytest.raises(UsageError, match="both named my-cohort-v2: rename one"):
        read_cohorts([cohort, other])
    assert len(read_cohorts([cohort, cohort / "." / "sub-01" / ".."])) == 1


def test_a_linked_cohort_is_named_after_the_link(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cohort.parent / "study").symlink_to(cohort)
    assert read_cohort(cohort.parent / "study").name == "study"
    monkeypatch.chdir(cohort / "sub-01")
    assert read_cohort(Path("..")).name == "my-cohort-v2"


def test_missing_file_and_empty_cohorts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist: check the path"):
        read_cohort(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is a file, wanted the folder"):
        read_cohort(write_scan(tmp_path / "scan.nii.gz"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"holds no scan .*sub-X/anat/sub-X_T1w.nii.gz"):
        read_cohort(tmp_path / "empty")


def test_sidecars_are_inherited_and_converted(cohort: Path) -> None:
    write_json(cohort / "T1w.json", {"MagneticFieldStrength": 1.5, "RepetitionTime": 2.3, "Manufacturer": " Siemens "})
    write_json(cohort / "acq-mprage_T1w.json", {"FlipAngle": 9})
    write_json(cohort / "sub-02/ses-b/anat/sub-02_ses-b_acq-mprage_run-02_T1w.json", {"MagneticFieldStrength": "3"})
    write_json(cohort / "sub-02/ses-a/sub-02_ses-a_T1w.json", {"EchoTime": 0.003, "InversionTime": 0.9})
    write_json(cohort / "derivatives/x/T1w.json", {"MagneticFieldStrength": 7})
    scans = {scan.scan_id.removeprefix("my-cohort-v2_"): scan for scan in read_cohort(cohort).scans}
    assert scans["sub-01_T1w"].field_strength_t == 1.5
    assert (scans["sub-01_T1w"].tr_ms, scans["sub-01_T1w"].manufacturer) == (2300.0, "Siemens")
    assert scans["sub-01_T1w"].flip_deg is None
    special = scans["sub-02_ses-b_acq-mprage_run-02_T1w"]
    assert (special.field_strength_t, special.flip_deg, special.tr_ms) == (3.0, 9.0, 2300.0)
    assert (scans["sub-02_ses-a_T1w"].te_ms, scans["sub-02_ses-a_T1w"].ti_ms) == (3.0, 900.0)
    assert scans["sub-02_ses-a_FLAIR"].field_strength_t is None


def test_values_in_another_unit_are_left_out_with_a_note(cohort: Path) -> None:
    write_json(cohort / "sub-01/anat/sub-01_T1w.json", {"RepetitionTime": 2300, "EchoTime": [1], "FlipAngle": -9})
    found = read_cohort(cohort)
    assert found.scans[0].tr_ms is None and found.scans[0].te_ms is None and found.scans[0].flip_deg is None
    assert [who for who, _ in found.notes] == ["sub-01_T1w"] * 3
    assert found.problems == ()


def test_a_broken_sidecar_keeps_only_its_scan_out(cohort: Path) -> None:
    (cohort / "sub-01/anat/sub-01_T1w.json").write_text("{not json")
    found = read_cohort(cohort)
    assert len(found.scans) == 4
    assert [who for who, _ in found.problems] == ["my-cohort-v2_sub-01_T1w"]
    assert "repair the file" in found.problems[0][1]


def test_people_with_every_spelling(cohort: Path) -> None:
    for subject in ("03", "04", "05", "06"):
        write_scan(cohort / f"sub-{subject}/anat/sub-{subject}_T1w.nii.gz")
    (cohort / "participants.tsv").write_bytes(
        "\ufeffparticipant_id\tAge\tGender\tnote\r\n"
        'sub-01\t90+\tfemale\tx\r\n02\t34,5\tM\t"\r\nsub-03\tn/a\tn/a\t\r\nsub-04\tthirty\tQ\t\r\n'
        "sub-05\t41\tM\t\r\nsub-05\t41\tF\t\r\n".encode()
    )
    found = read_cohort(cohort, selection=Selection(sequences=("T1w",)))
    known = {scan.subject: (scan.age, scan.sex) for scan in found.scans}
    assert known == {
        "01": (90.0, "F"),
        "02": (34.5, "M"),
        "03": (None, None),
        "04": (None, None),
        "05": (41.0, None),
        "06": (None, None),
    }
    said = " ".join(what for _, what in found.notes)
    assert "'thirty'" in said and "'Q'" in said and "contradict" in said
    assert found.problems == ()


def test_session_tables_win_over_participants(cohort: Path) -> None:
    (cohort / "participants.tsv").write_text("participant_id\tage\tsex\nsub-02\t30\tF\n")
    (cohort / "sub-02/sub-02_sessions.tsv").write_text("session_id\tage\nses-a\t30\nses-b\t33.5\n")
    ages = {scan.session: scan.age for scan in read_cohort(cohort).scans if scan.subject == "02"}
    assert ages == {"a": 30.0, "b": 33.5}
    assert all(scan.sex == "F" for scan in read_cohort(cohort).scans if scan.subject == "02")


def test_person_column_joins_subjects(cohort: Path) -> None:
    (cohort / "participants.tsv").write_text("participant_id\tperson\nsub-01\tp7\nsub-02\tp7\n")
    assert {scan.person for scan in read_cohort(cohort).scans} == {"my-cohort-v2/p7"}


@pytest.mark.parametrize(("text", "age"), [("", None), ("NaN", None), ("> 89", 89.0), ("034Y", 34.0), ("0", 0.0)])
def test_ages(text: str, age: float | None) -> None:
    assert read_age(text) == age


@pytest.mark.parametrize("text", ["-3", "131", "20-30", "1e3", "inf"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(ValueError, match="age"):
        read_age(text)


@pytest.mark.parametrize(("text", "sex"), [("Male", "M"), ("W", "F"), ("other", "O"), ("unknown", None), ("-", None)])
def test_sexes(text: str, sex: str | None) -> None:
    assert read_sex(text) == sex


def test_skull_stripped_and_licence_come_from_the_description(cohort: Path) -> None:
    write_json(
        cohort / "dataset_description.json",
        {"Name": "x", "License": "CC-BY-4.0", "SkullStripped": True, "ReferencesAndLinks": ["doi:1", 2]},
    )
    write_json(cohort / "sub-01/anat/sub-01_T1w.json", {"SkullStripped": False})
    found = read_cohort(cohort)
    assert [scan.stripped for scan in found.scans] == [False, True, True, True, True]
    assert (found.licence, found.redistribution, found.citation) == ("CC-BY-4.0", "yes", "doi:1")
    (cohort / "dataset_description.json").write_text("[]")
    with pytest.raises(UsageError, match="wanted a JSON object"):
        read_cohort(cohort)


def test_broken_images_do_not_stop_the_others(cohort: Path) -> None:
    anat = cohort / "sub-03/anat"
    write_scan(anat / "sub-03_run-1_T1w.nii.gz", shape=(*SHAPE, 4))
    write_scan(anat / "sub-03_run-2_T1w.nii.gz", shape=(*SHAPE, 1))
    whole = write_scan(anat / "sub-03_run-3_T1w.nii").read_bytes()
    (anat / "sub-03_run-3_T1w.nii").write_bytes(whole[:-10])
    (anat / "sub-03_run-4_T1w.nii.gz").write_bytes(b"")
    (anat / "sub-03_run-5_T1w.nii.gz").symlink_to(anat / "annex" / "gone")
    found = read_cohort(cohort, selection=Selection(participants=("03",)))
    assert ids_of(found) == ["my-cohort-v2_sub-03_run-2_T1w"]
    said = dict(found.problems)
    assert "series" in said["my-cohort-v2_sub-03_run-1_T1w"]
    assert "truncated" in said["my-cohort-v2_sub-03_run-3_T1w"]
    assert "no readable NIfTI" in said["my-cohort-v2_sub-03_run-4_T1w"]
    assert "broken link" in said["my-cohort-v2_sub-03_run-5_T1w"]


def test_misplaced_and_doubled_files(cohort: Path) -> None:
    write_scan(cohort / "sub-03/anat/sub-04_T1w.nii.gz")
    write_scan(cohort / "sub-05/anat/sub-05_T1w.nii.gz")
    write_scan(cohort / "sub-05/anat/sub-05_T1w.nii")
    found = read_cohort(cohort)
    assert dict(found.problems)["sub-03/anat/sub-04_T1w.nii.gz"].startswith("lies in sub-03")
    assert "2 files are this scan" in dict(found.problems)["my-cohort-v2_sub-05_T1w"]
    assert len(found.problems) == 2
    for selection in (Selection(participants=("02",)), Selection(sequences=("FLAIR",)), Selection(sessions=("a",))):
        left = [who for who, _ in read_cohort(cohort, selection=selection).problems]
        assert "my-cohort-v2_sub-05_T1w" not in left or selection.sessions


def test_what_is_no_scan_is_passed_over(cohort: Path) -> None:
    for name in ("sub-01_bold", "sub-01_part-phase_T1w", "._sub-01_T2w", "sub-01_T1map", "sub-01_space-MNI_T1w"):
        write_scan(cohort / f"sub-01/anat/{name}.nii.gz")
    write_scan(cohort / "sourcedata/sub-07/anat/sub-07_T1w.nii.gz")
    write_scan(cohort / "derivatives/sub-08/anat/sub-08_T1w.nii.gz")
    assert len(read_cohort(cohort).scans) == 5


# labels -------------------------------------------------------------------------------------------------------------


def test_labels_hold_for_every_image_on_their_grid(cohort: Path) -> None:
    below = cohort / "derivatives/manual/sub-02/ses-a/anat"
    write_scan(below / "sub-02_ses-a_dseg.nii.gz", ids=FREESURFER)
    assert all(scan.labels is None for scan in read_cohort(cohort).scans)
    found = read_cohort(cohort, read_labels=True)
    assert [scan.labels is not None for scan in found.scans] == [False, True, True, True, False]
    assert found.numbering == "freesurfer"


def test_labels_on_another_grid_are_an_error_of_that_scan(cohort: Path) -> None:
    write_scan(cohort / "derivatives/manual/sub-01/anat/sub-01_dseg.nii.gz", ids=FREESURFER, zoom=2.0)
    found = read_cohort(cohort, read_labels=True)
    assert len(found.scans) == 4
    assert "another grid (5×6×7 at 2×2×2 mm)" in dict(found.problems)["my-cohort-v2_sub-01_T1w"]


def test_labels_of_a_space_hold_for_that_space_only(cohort: Path) -> None:
    below = cohort / "derivatives/manual/sub-02/ses-a/anat"
    write_scan(below / "sub-02_ses-a_space-FLAIR_desc-x_dseg.nii.gz", ids=FREESURFER)
    write_scan(below / "sub-02_ses-a_space-MNI152_dseg.nii.gz", ids=FREESURFER, zoom=3.0)
    found = read_cohort(cohort, read_labels=True)
    assert {scan.suffix for scan in found.scans if scan.labels} == {"FLAIR"}
    assert found.problems == ()


def test_labels_take_the_entities_of_the_image(cohort: Path) -> None:
    below = cohort / "derivatives/manual/sub-02/ses-b/anat"
    write_scan(below / "sub-02_ses-b_dseg.nii.gz", ids=FREESURFER)
    found = read_cohort(cohort, read_labels=True)
    assert not any(scan.labels for scan in found.scans)
    assert [who for who, what in found.notes if "entities of its image" in what] == ["sub-02_ses-b_dseg.nii.gz"]
    write_scan(below / "sub-02_ses-b_acq-mprage_run-2_dseg.nii.gz", ids=FREESURFER)
    labelled = [scan.stem for scan in read_cohort(cohort, read_labels=True).scans if scan.labels]
    assert labelled == ["sub-02_ses-b_acq-mprage_run-02"]


def test_several_fitting_label_maps_need_a_choice(cohort: Path, tmp_path: Path) -> None:
    for method in ("jlf", "soft"):
        write_scan(cohort / f"derivatives/votes/sub-01/anat/sub-01_desc-{method}_dseg.nii.gz", ids=FREESURFER)
    found = read_cohort(cohort, read_labels=True)
    assert "2 maps fit" in dict(found.problems)["my-cohort-v2_sub-01_T1w"]
    chosen = read_cohort(cohort, labels=cohort / "derivatives/votes/**/*_desc-jlf_dseg.nii.gz")
    assert [scan.labels.name for scan in chosen.scans if scan.labels] == ["sub-01_desc-jlf_dseg.nii.gz"]
    for wrong in (tmp_path / "nowhere", cohort / "sub-01"):
        with pytest.raises(UsageError, match="--labels"):
            read_cohort(cohort, labels=wrong)


def test_masks_are_found_and_bad_ones_passed_over(cohort: Path) -> None:
    write_scan(cohort / "derivatives/masks/sub-01/anat/sub-01_desc-brain_mask.nii.gz", ids=[0, 1])
    write_scan(cohort / "derivatives/masks/sub-02/ses-a/anat/sub-02_ses-a_mask.nii.gz", ids=[0, 1], zoom=2.0)
    write_scan(cohort / "derivatives/masks/sub-02/ses-a/anat/sub-02_ses-a_label-lesion_mask.nii.gz", ids=[0, 1])
    found = read_cohort(cohort)
    assert [scan.mask is not None for scan in found.scans] == [True, False, False, False, False]
    assert found.problems == ()


@pytest.mark.parametrize(("ids", "numbering"), [(FREESURFER, "freesurfer"), (MUSE, "muse"), ([1, 2, 3], None)])
def test_numbering_is_recognised_by_ids(cohort: Path, ids: list[int], numbering: str | None) -> None:
    write_scan(cohort / "derivatives/l/sub-01/anat/sub-01_dseg.nii.gz", ids=[0, *ids])
    assert read_cohort(cohort, read_labels=True).numbering == numbering


def test_numbering_is_read_from_a_table_of_names(cohort: Path) -> None:
    write_scan(cohort / "derivatives/l/sub-01/anat/sub-01_dseg.nii.gz", ids=[0, 4, 11])
    assert read_cohort(cohort, read_labels=True).numbering is None
    (cohort / "derivatives/l/dseg.tsv").write_text("index\tname\n4\t3rd Ventricle\n47\tRight Hippocampus\n")
    assert read_cohort(cohort, read_labels=True).numbering == "muse"


def test_atlases_of_different_numbering_are_refused_together(tmp_path: Path) -> None:
    atlases = []
    for name, ids in (("a", FREESURFER), ("b", MUSE)):
        write_scan(tmp_path / name / "sub-01/anat/sub-01_T1w.nii.gz")
        write_scan(tmp_path / name / "derivatives/l/sub-01/anat/sub-01_dseg.nii.gz", ids=ids)
        atlases.append(read_cohort(tmp_path / name, read_labels=True))
    refuse_mixed_numbering(atlases[:1])
    with pytest.raises(UsageError, match="a has freesurfer, b has muse"):
        refuse_mixed_numbering(atlases)


# derivatives --------------------------------------------------------------------------------------------------------


def test_our_own_out_is_a_cohort_and_an_atlas(tmp_path: Path) -> None:
    root = tmp_path / "out" / "kirby21"
    anat = root / "sub-07/anat"
    write_json(root / "dataset_description.json", {"DatasetType": "derivative", "License": "cohort licence"})
    write_scan(anat / "sub-07_desc-brain_FLAIR.nii.gz")
    write_json(
        anat / "sub-07_desc-brain_FLAIR.json",
        {
            "SkullStripped": True,
            "EchoTime": 0.331,
            "brainatlas": {
                "person": "kirby21/127",
                "age": 30,
                "sex": "M",
                "licence": "its own",
                "redistribution": "ask",
            },
        },
    )
    write_scan(anat / "sub-07_space-FLAIR_desc-brain_mask.nii.gz", ids=[0, 1])
    write_scan(anat / "sub-07_space-FLAIR_desc-jlf_dseg.nii.gz", ids=FREESURFER)
    carried = {"label_origin": "vote:jlf", "label_subjects": ["ibsr/01", "ibsr/02"]}
    write_json(anat / "sub-07_space-FLAIR_desc-jlf_dseg.json", {"Manual": False, "brainatlas": carried})
    write_scan(anat / "sub-07_space-FLAIR_desc-jlfconfidence_probseg.nii.gz")
    found = read_cohort(root, read_labels=True)
    (scan,) = found.scans
    assert scan.scan_id == "kirby21_sub-07_FLAIR"
    assert (scan.person, scan.age, scan.sex, scan.te_ms) == ("kirby21/127", 30.0, "M", 331.0)
    assert (scan.licence, scan.redistribution, scan.stripped) == ("its own", "ask", True)
    assert scan.mask == anat / "sub-07_space-FLAIR_desc-brain_mask.nii.gz"
    assert scan.labels == anat / "sub-07_space-FLAIR_desc-jlf_dseg.nii.gz"
    assert (scan.label_origin, scan.label_subjects) == ("vote:jlf", ("ibsr/01", "ibsr/02"))
    assert found.numbering == "freesurfer"
    write_scan(anat / "sub-07_space-FLAIR_desc-manual_dseg.nii.gz", ids=FREESURFER)
    (scan,) = read_cohort(root, read_labels=True).scans
    assert (scan.label_origin, scan.label_subjects) == ("manual", ())


def test_folders_above_and_below_a_cohort_are_pointed_out(cohort: Path) -> None:
    with pytest.raises(UsageError, match="in it there is my_cohort v2: give that folder"):
        read_cohort(cohort.parent)
    with pytest.raises(UsageError, match="give the folder that holds the sub- folders"):
        read_cohort(cohort / "sub-01")


def test_a_derivative_with_several_versions_gives_the_native_one(tmp_path: Path) -> None:
    anat = tmp_path / "fmriprep/sub-01/anat"
    for version in ("desc-preproc", "space-MNI152_desc-preproc"):
        write_scan(anat / f"sub-01_{version}_T1w.nii.gz")
    (scan,) = read_cohort(tmp_path / "fmriprep").scans
    assert scan.image.name == "sub-01_desc-preproc_T1w.nii.gz"


@pytest.mark.realdata
def test_real_cohorts(realdata: Path) -> None:
    oasis = read_cohort(realdata / "oasis-trt", read_labels=True)
    assert (len(oasis.scans), oasis.numbering, oasis.problems) == (12, "freesurfer", ())
    assert all(scan.stripped and scan.labels and scan.age and scan.sex for scan in oasis.scans)
    ixi = read_cohort(realdata / "ixi", read_labels=True)
    assert (len(ixi.scans), ixi.numbering) == (4, "muse")
    raw = read_cohort(realdata / "ms-raw")
    assert raw.scans[0].scan_id == "ms-raw_sub-ms03_ses-2_FLAIR"
    assert {(scan.age, scan.sex, scan.stripped) for scan in raw.scans} == {(None, None, False)}
    with pytest.raises(UsageError, match="oasis-trt has freesurfer"):
        refuse_mixed_numbering([oasis, ixi])
