"""From sources to the slice table: catalogs, BIDS folders, plain files; shards, resume, repair, left and right."""

from __future__ import annotations

import json
import shutil

import nibabel as nib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from braincaption.captions import CaptionSettings, write_captions
from braincaption.catalog import Catalog, read_catalog, write_catalog
from braincaption.engine import Workers
from braincaption.errors import PartialFailure, UsageError
from braincaption.lut import load_lut
from braincaption.lut_choice import choose_lut
from braincaption.parts import Part, parse_shard, structure_names
from braincaption.schema import CATALOG, PLANES, SLICES
from braincaption.sources import Selection, open_source
from braincaption.tabulate import TabulateSettings, tabulate

HERE = Workers(count=1)


def save(path, data, affine):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)


def turned(degrees):
    affine, angle = np.eye(4), np.radians(degrees)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return affine


@pytest.fixture
def people(tmp_path):
    """A catalog of three people in three spaces: nine volumes, one space turned by 16°, left-only label 4."""
    shape = (20, 22, 24)
    world = np.eye(4)
    world[:3, 3] = [-10, -11, -12]
    rng = np.random.default_rng(0)
    grids = [world, world @ turned(16), world.copy()]
    rows = []
    for image in range(3):
        data = np.zeros(shape, np.int16)
        data[1:6, 5:15, 6:18] = 4
        data[8:12, 8:12, 8:12] = rng.choice([0, 14, 16, 9999], (4, 4, 4))
        save(tmp_path / "source" / f"p{image}_dseg.nii.gz", data, world)
        for space in range(3):
            move = np.eye(4)
            move[:3, 3] = image - space
            rows.append(
                {field.name: "" for field in CATALOG}
                | {
                    "volume_id": f"p{image}@p{space}", "image_id": f"p{image}", "space_id": f"p{space}",
                    "image_subject": f"c/{image}", "space_subject": f"c/{space}", "label_path": f"p{image}_dseg.nii.gz",
                    "label_origin": "manual", "label_subjects": [f"c/{image}"], "direction": "native",
                    "matrix": move[:3].reshape(-1).tolist(), "space_affine": grids[space][:3].reshape(-1).tolist(),
                    "shape": list(shape), "zooms": [1.0] * 3, "axcodes": "RAS", "sequence": "T1w",
                    "field_strength_t": 1.5, "manufacturer": None, "scanner": None, "tr_ms": None, "te_ms": None,
                    "ti_ms": None, "flip_deg": None, "age": 40.0 + image, "sex": "F", "cohort": "c", "licence": "CC0",
                }
            )  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=CATALOG)
    pq.write_table(table, tmp_path / "source" / "catalog.parquet")
    return tmp_path / "source"


def run(source, out, part_size=512, shard=None, **options):
    opened = open_source(source, Selection())
    settings = TabulateSettings(part_size=part_size, **options)
    return tabulate(opened, out, load_lut("freesurfer"), settings=settings, workers=HERE, shard=shard)


def rows_of(out):
    return pq.read_table(out / "slices")


def test_the_table_has_the_schema_its_order_and_the_names(people, tmp_path):
    report = run(people, tmp_path / "out")
    table = rows_of(tmp_path / "out")
    path = next((tmp_path / "out" / "slices").iterdir())
    assert pq.read_schema(path).remove_metadata().equals(SLICES) and report.volumes == 9
    keys = [
        (v.encode(), p, i)
        for v, p, i in zip(*(table[n].to_pylist() for n in ("volume_id", "plane", "index")), strict=True)
    ]
    assert keys == sorted(keys) and set(table["plane"].to_pylist()) == set(PLANES)
    assert structure_names(path)[4] == "Left-Lateral-Ventricle"
    assert list(report.unknown) == [9999] and report.unknown[9999] > 0
    assert not any(len(found) == 0 for found in table["structures"].to_pylist())
    for found in table["structures"].to_pylist():
        order = [(-one["voxels"], one["label"]) for one in found]
        assert order == sorted(order)


def test_every_plane_sums_to_the_same_voxels_and_cubic_millimetres(people, tmp_path):
    run(people, tmp_path / "out")
    sums = {}
    for row in rows_of(tmp_path / "out").to_pylist():
        for one in row["structures"]:
            key = row["volume_id"], row["plane"], one["label"]
            sums.setdefault(key, [0, 0.0])
            sums[key][0] += one["voxels"]
            sums[key][1] += one["volume_mm3"]
    for (volume, plane, label), (voxels, mm3) in sums.items():
        assert voxels == sums[volume, "axial", label][0], plane
        assert mm3 == pytest.approx(voxels, rel=1e-6)
    own = np.asarray(nib.load(people / "p0_dseg.nii.gz").dataobj)
    for label in np.unique(own)[1:]:
        assert sums["p0@p0", "coronal", int(label)][0] == np.count_nonzero(own == label)


def test_a_turned_grid_is_named_and_its_angle_recorded(people, tmp_path):
    run(people, tmp_path / "out")
    angles = {(row["space_id"], row["plane"]): row["oblique_deg"] for row in rows_of(tmp_path / "out").to_pylist()}
    assert angles["p1", "sagittal"] == pytest.approx(16, abs=1e-4) and angles["p1", "axial"] == pytest.approx(
        0, abs=1e-4
    )
    assert angles["p0", "coronal"] == 0


@pytest.mark.parametrize("codes", ["RAS", "LAS", "ASL", "PSR", "LPI"])
@pytest.mark.parametrize("degrees", [0, 16])
def test_left_is_left_on_any_axes(tmp_path, codes, degrees):
    shape = np.array([30, 34, 38])
    world = turned(degrees)
    world[:3, 3] = -world[:3, :3] @ (shape / 2)
    data = np.zeros(shape, np.uint8)
    data[3:9, 10:24, 12:26] = 4  # negative x before any turn: left
    image = nib.Nifti1Image(data, world)
    to = nib.orientations.axcodes2ornt(tuple(codes))
    turn = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt(tuple("RAS")), to)
    nib.save(image.as_reoriented(turn), tmp_path / "sub-1_dseg.nii.gz")
    run(tmp_path / "sub-1_dseg.nii.gz", tmp_path / "out")
    found = [row for row in rows_of(tmp_path / "out").to_pylist() if row["plane"] == "sagittal"]
    assert found and all(row["position_mm"] < 0 for row in found)
    assert {one["label"] for row in found for one in row["structures"]} == {4}
    assert sum(one["voxels"] for row in found for one in row["structures"]) == 6 * 14 * 14


def test_all_slices_has_a_row_for_every_slice_of_the_grid(people, tmp_path):
    run(people, tmp_path / "out", all_slices=True)
    table = rows_of(tmp_path / "out").to_pandas()
    assert table.groupby(["volume_id", "plane"]).size().unstack().drop_duplicates().to_dict("records") == [
        {"axial": 24, "coronal": 22, "sagittal": 20}
    ]


def test_rows_do_not_depend_on_parts_and_bytes_not_on_the_place(people, tmp_path):
    run(people, tmp_path / "one")
    run(people, tmp_path / "far" / "away")
    run(people, tmp_path / "many", part_size=2)
    for number in range(3):
        run(people, tmp_path / "shards", shard=Part(number=number, of=3))
    assert rows_of(tmp_path / "one").equals(rows_of(tmp_path / "many"))
    assert rows_of(tmp_path / "one").equals(rows_of(tmp_path / "shards"))
    for name in ("catalog.parquet", "lut.tsv", "slices/part-00000-of-00001.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "far" / "away" / name).read_bytes()
    assert read_catalog(tmp_path / "far" / "away").path("p0_dseg.nii.gz").exists()


def test_finished_parts_are_kept_and_missing_ones_made(people, tmp_path):
    run(people, tmp_path / "out", part_size=2)
    parts = sorted((tmp_path / "out" / "slices").iterdir())
    before = {part: part.read_bytes() for part in parts}
    parts[2].unlink()
    stamps = {part: part.stat().st_mtime_ns for part in parts if part.exists()}
    assert run(people, tmp_path / "out", part_size=2).volumes == 2
    assert {part: part.read_bytes() for part in parts} == before
    assert all(part.stat().st_mtime_ns == stamp for part, stamp in stamps.items())


def test_another_runs_table_is_not_mixed_in(people, tmp_path):
    run(people, tmp_path / "out")
    with pytest.raises(UsageError, match="other settings"):
        run(people, tmp_path / "out", all_slices=True)
    with pytest.raises(UsageError, match="in 1 parts, this run makes 5"):
        run(people, tmp_path / "out", part_size=2)


def test_a_broken_map_is_listed_and_done_after_repair(people, tmp_path):
    run(people, tmp_path / "whole", part_size=3)
    good = (people / "p1_dseg.nii.gz").read_bytes()
    (people / "p1_dseg.nii.gz").write_bytes(good[:200])
    with pytest.raises(PartialFailure, match="3 failed"):
        run(people, tmp_path / "out", part_size=3)
    assert "p1@p0" in (tmp_path / "out" / "logs" / "failed.tsv").read_text()
    assert len(set(rows_of(tmp_path / "out")["volume_id"].to_pylist())) == 6
    (people / "p1_dseg.nii.gz").write_bytes(good)
    assert run(people, tmp_path / "out", part_size=3).volumes == 3
    assert not (tmp_path / "out" / "logs" / "failed.tsv").exists()
    for part in (tmp_path / "whole" / "slices").iterdir():
        assert part.read_bytes() == (tmp_path / "out" / "slices" / part.name).read_bytes()


def test_a_corrected_map_is_counted_and_captioned_again_and_nothing_else(people, tmp_path):
    out = tmp_path / "out"
    run(people, out, part_size=3)
    write_captions(out, settings=CaptionSettings(), workers=HERE)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("part-*.parquet")}
    image = nib.load(people / "p1_dseg.nii.gz")
    corrected = np.where(np.asarray(image.dataobj) == 4, 43, np.asarray(image.dataobj)).astype(np.int16)
    save(people / "p1_dseg.nii.gz", corrected, image.affine)
    assert run(people, out, part_size=3).volumes == 3
    write_captions(out, settings=CaptionSettings(), workers=HERE)
    changed = {path.relative_to(out).as_posix() for path, then in before.items() if path.stat().st_mtime_ns != then}
    assert changed == {f"{table}/part-00001-of-00003.parquet" for table in ("slices", "captions")}
    said = pq.read_table(out / "captions" / "part-00001-of-00003.parquet")["caption"].to_pylist()
    assert any("right lateral ventricle" in caption for caption in said)
    assert not any("left lateral ventricle" in caption for caption in said)
    run(people, out, part_size=3)
    assert not run(people, out, part_size=3).volumes, "nothing left to do"


@pytest.fixture
def bids(tmp_path):
    """A BIDS folder with one person's T1w and FLAIR on one grid, T2w on another, and labels in derivatives."""
    root = tmp_path / "cohort"
    data = np.zeros((8, 9, 10), np.float32)
    data[2:5, 2:5, 2:5] = 12.0
    for suffix, shape in (("T1w", (8, 9, 10)), ("FLAIR", (8, 9, 10)), ("T2w", (4, 9, 10))):
        save(root / "sub-a" / "anat" / f"sub-a_{suffix}.nii.gz", np.ones(shape, np.int16), np.eye(4))
    sidecar = {"MagneticFieldStrength": 3, "RepetitionTime": 2.3, "EchoTime": 0.003}
    (root / "sub-a" / "anat" / "sub-a_T1w.json").write_text(json.dumps(sidecar))
    (root / "participants.tsv").write_text("participant_id\tage\tsex\nsub-a\t95\tfemale\n")
    (root / "dataset_description.json").write_text(json.dumps({"Name": "x", "License": "CC0"}))
    save(root / "derivatives" / "labels" / "sub-a" / "anat" / "sub-a_dseg.nii.gz", data, np.eye(4))
    return root


def test_labels_of_a_bids_folder_hold_for_every_image_on_their_grid(bids, tmp_path):
    source = open_source(bids, Selection())
    rows = source.catalog.table.to_pylist()
    assert [row["image_id"] for row in rows] == ["cohort_sub-a_FLAIR", "cohort_sub-a_T1w"]
    assert rows[1]["field_strength_t"] == 3 and rows[1]["tr_ms"] == pytest.approx(2300) and rows[0]["tr_ms"] is None
    assert [(row["age"], row["sex"], row["licence"]) for row in rows] == [(90, "F", "CC0")] * 2
    assert source.catalog.path(rows[1]["image_path"]).exists() and source.catalog.path(rows[1]["label_path"]).exists()
    assert run(bids, tmp_path / "out").volumes == 2
    derived = open_source(bids / "derivatives" / "labels", Selection(sequences=("T1w",)))
    assert derived.catalog.table["sequence"].to_pylist() == ["T1w"]
    assert derived.catalog.path(derived.catalog.table["image_path"][0].as_py()).exists()


def test_labels_on_another_grid_than_their_image_are_a_broken_scan(bids, tmp_path):
    label = bids / "derivatives" / "labels" / "sub-a" / "anat" / "sub-a_dseg.nii.gz"
    shutil.copytree(bids / "sub-a", bids / "sub-b")
    for path in sorted((bids / "sub-b").rglob("sub-a*")):
        path.rename(path.with_name(path.name.replace("sub-a", "sub-b")))
    save(label.parents[2] / "sub-b" / "anat" / "sub-b_dseg.nii.gz", np.ones((3, 3, 3), np.uint8), np.eye(4))
    with pytest.raises(PartialFailure, match=r"sub-b_dseg.*another grid than its image"):
        run(bids, tmp_path / "out")
    assert set(rows_of(tmp_path / "out")["image_subject"].to_pylist()) == {"cohort/a"}


def test_names_come_from_the_source_before_freesurfer(bids):
    catalog = open_source(bids, Selection()).catalog
    lut, note = choose_lut(None, catalog)
    assert lut.phrase(12) == "left putamen" and note and "FreeSurfer's numbers are assumed" in note
    (bids / "derivatives" / "labels" / "dseg.tsv").write_text("index\tname\n12\tSpleen\n")
    lut, note = choose_lut(None, catalog)
    assert lut.phrase(12) == "spleen" and note is None
    assert choose_lut("ibsr", catalog)[0].phrase(12) == "left putamen"


def test_names_come_from_the_recipe_where_no_table_lies_beside(people):
    catalog = open_source(people, Selection()).catalog
    assert "FreeSurfer's numbers are assumed" in choose_lut(None, catalog)[1]
    numbered = Catalog(table=catalog.table.replace_schema_metadata(_about(c={"numbering": "muse"})), root=catalog.root)
    lut, note = choose_lut(None, numbered)
    assert note is None
    assert lut.phrase(58) == load_lut("muse").phrase(58) != load_lut("freesurfer").phrase(58)
    mixed = _about(c={"numbering": "muse"}, d={"numbering": "freesurfer"})
    with pytest.raises(UsageError, match="freesurfer and muse"):
        choose_lut(None, Catalog(table=catalog.table.replace_schema_metadata(mixed), root=catalog.root))


def _about(**cohorts):
    return {"brain.cohorts": json.dumps(cohorts)}


def test_two_numberings_in_one_source_are_refused(people):
    (people / "p0_dseg.tsv").write_text("index\tname\n4\tLeft-Lateral-Ventricle\n")
    (people / "p1_dseg.tsv").write_text("index\tname\n4\t3rdVentricle\n")
    with pytest.raises(UsageError, match="tabulate the two numberings apart"):
        choose_lut(None, open_source(people, Selection()).catalog)


def test_a_missing_source_an_empty_one_and_a_vain_selection_are_refused(bids, tmp_path):
    (tmp_path / "empty").mkdir()
    for source, selection, message in (
        (tmp_path / "nowhere", Selection(), "does not exist"),
        (tmp_path / "empty", Selection(), "holds no label map"),
        (bids, Selection(participants=("zz",)), "that the selection takes"),
    ):
        with pytest.raises(UsageError, match=message):
            open_source(source, selection)


def test_a_catalog_may_keep_named_roots(tmp_path):
    table = CATALOG.empty_table().replace_schema_metadata({b"roots": b'{"atlas": "../data"}'})
    catalog = Catalog(table=table, root=tmp_path / "work")
    assert catalog.path("atlas:x/y.nii.gz") == (tmp_path / "data" / "x" / "y.nii.gz").resolve()
    write_catalog(catalog, tmp_path / "out" / "deep")
    assert read_catalog(tmp_path / "out" / "deep").path("z.nii") == tmp_path / "work" / "z.nii"


@pytest.mark.parametrize("text", ["", "3", "3/3", "-1/4", "a/b", "1/0"])
def test_a_wrong_shard_is_refused(text):
    with pytest.raises(UsageError, match="give 0/8 to 7/8"):
        parse_shard(text)
