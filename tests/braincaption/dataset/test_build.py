"""A dataset folder opens in every reader, hides who is in it, keeps its splits, and is built again only as needed."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from braincaption.dataset import text as text_config
from braincaption.dataset.build import build_dataset
from braincaption.dataset.pseudonyms import open_pseudonyms
from braincaption.dataset.settings import DatasetSettings
from braincaption.errors import PartialFailure, UsageError
from braincaption.render.picture import Painter
from braincaption.render.settings import ChoiceSettings, ViewSettings
from braincaption.slicefolder import read_slices
from braincaption.splits import SPLITS

CHOICE = ChoiceSettings(count=60)
VIEW = ViewSettings(size=48, fov_mm=192.0)
SETTINGS = DatasetSettings(choice=CHOICE, view=VIEW)
IDS = ("volume_id", "image_id", "space_id", "image_subject", "space_subject")


@pytest.fixture(scope="session")
def dataset(captioned: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic OUT as a dataset folder with all three configurations."""
    out = tmp_path_factory.mktemp("dataset") / "dest"
    build_dataset(captioned.path, out, SETTINGS)
    return out


def rows_of(folder: Path, split: str = "*") -> pa.Table:
    """All rows of a configuration."""
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob(f"{split}-*.parquet"))])


def test_hugging_face_datasets_opens_every_configuration(
    dataset: Path, captioned: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    sources = sum(pq.read_metadata(path).num_rows for path in (captioned.path / "slices").glob("*.parquet"))
    opened = datasets.load_dataset(str(dataset), "text", cache_dir=str(tmp_path))
    assert set(opened) == set(SPLITS)
    assert sum(opened.num_rows.values()) == sources
    row = opened["train"][0]
    assert row["caption"].startswith("A ") and row["structures"][0]["voxels"] > 0
    pictures = datasets.load_dataset(str(dataset), "slices", cache_dir=str(tmp_path))
    assert {split: len(rows) for split, rows in pictures.items()} == {"train": 36, "validation": 9, "test": 15}
    assert pictures["test"][0]["image"].size == (48, 48)
    volumes = datasets.load_dataset(str(dataset), "volumes", cache_dir=str(tmp_path))
    first = volumes["train"][0]
    assert sum(volumes.num_rows.values()) == 7
    assert first["image"].shape == tuple(first["shape"]) == first["labels"].shape
    np.testing.assert_allclose(first["image"].affine[:3].ravel(), first["space_affine"], atol=1e-4)
    assert set(np.unique(first["labels"].get_fdata())) <= {0, 2, 17, 41}
    streamed = datasets.load_dataset(str(dataset), "slices", split="validation", streaming=True)
    assert next(iter(streamed))["split"] == "validation"


def test_other_readers_open_it_too(dataset: Path) -> None:
    import duckdb
    import pandas as pd
    import polars as pl

    count = sum(pq.read_metadata(path).num_rows for path in (dataset / "text").glob("train-*.parquet"))
    pattern = str(dataset / "text" / "train-*.parquet")
    assert len(pd.read_parquet(sorted((dataset / "text").glob("train-*"))[0])) == count
    assert pl.scan_parquet(pattern).select(pl.len()).collect().item() == count
    asked = f"select count(*) from '{pattern}' where len(list_filter(structures, lambda s: s.label = 17)) > 0"
    found = duckdb.connect().execute(asked).fetchall()[0]
    labels = [[item["label"] for item in row] for row in rows_of(dataset / "text", "train")["structures"].to_pylist()]
    assert 0 < found[0] == sum(17 in row for row in labels) < count


def test_the_slices_open_as_a_slice_folder(dataset: Path) -> None:
    folder = read_slices(dataset)
    assert len(folder) == 60 and folder.shape == (48, 48)
    assert folder.image(59).max() > 0


def test_no_source_id_age_or_order_is_left(dataset: Path, captioned: Any, load: Callable[[str], Any]) -> None:
    scans = load("conftest").SCANS
    secrets = [scan[0].encode() for scan in scans] + [scan[1].encode() + b'"' for scan in scans]
    secrets += [str(captioned.path.parent).encode(), (captioned.path / "pseudonyms.salt").read_bytes().strip()]
    for path in (path for path in dataset.rglob("*") if path.is_file()):
        plain = path.read_bytes() if path.suffix != ".parquet" else str(pq.read_table(path).to_pylist()).encode()
        assert not [secret for secret in secrets if secret in plain], path
    rows = rows_of(dataset / "text")
    for column in IDS:
        assert set(rows[column].unique().to_pylist()).isdisjoint({scan[0] for scan in scans} | {s[1] for s in scans})
    assert max(age for age in rows["age"].to_pylist() if age is not None) == 90.0
    source = [scan[0] for scan in scans]
    shown = list(dict.fromkeys(rows_of(dataset / "text", "cross")["image_id"].to_pylist()))
    assert shown == sorted(shown)
    assert len(shown) == len(source)
    for path in (dataset / "text").glob("*.parquet"):
        people = pq.read_table(path)["label_subjects"].to_pylist()
        assert all(row == sorted(row) for row in people)


def test_pseudonyms_join_people_and_scans_as_the_ids_did(dataset: Path, captioned: Any) -> None:
    rows = rows_of(dataset / "text").to_pylist()
    assert len({row["image_subject"] for row in rows}) == 6
    assert len({row["image_id"] for row in rows}) == 7
    assert {row["volume_id"] for row in rows} == {f"{row['image_id']}@{row['space_id']}" for row in rows}
    native = {row["image_id"]: row["image_subject"] for row in rows_of(dataset / "volumes").to_pylist()}
    assert all(native[row["image_id"]] == row["image_subject"] for row in rows)


def test_splits_keep_people_apart_and_the_labelled_in_train(dataset: Path) -> None:
    rows = rows_of(dataset / "text").to_pylist()
    side = {row["image_subject"]: row["split"] for row in rows_of(dataset / "volumes").to_pylist()}
    assert {side[person] for row in rows for person in row["label_subjects"]} == {"train"}
    for row in rows:
        same = side[row["image_subject"]] == side[row["space_subject"]]
        assert row["split"] == (side[row["image_subject"]] if same else "cross")


def test_every_slice_comes_once_with_its_own_caption(dataset: Path, captioned: Any) -> None:
    rows = rows_of(dataset / "text")
    keys = zip(*(rows[name].to_pylist() for name in ("volume_id", "plane", "index")), strict=True)
    assert len(set(keys)) == rows.num_rows
    for row in rows.to_pylist():
        assert row["caption"].startswith(f"A {row['plane']} {row['sequence']}")
        assert f"{row['position_mm']:.0f} mm" in row["caption"]


def test_buckets_give_the_rows_that_memory_gives(
    dataset: Path, captioned: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_config, "BUCKET_ROWS", 300)
    build_dataset(captioned.path, tmp_path / "d", DatasetSettings(configs=("text",)))
    for split in SPLITS:
        assert rows_of(tmp_path / "d" / "text", split).equals(rows_of(dataset / "text", split))
    assert not list((tmp_path / "d" / "text").glob("buckets*"))


def test_small_shards_are_numbered_and_sum_up(dataset: Path, captioned: Any, tmp_path: Path) -> None:
    settings = DatasetSettings(configs=("slices",), choice=CHOICE, view=VIEW, shard_mb=0)
    build_dataset(captioned.path, tmp_path / "d", settings)
    assert rows_of(tmp_path / "d" / "slices", "test").equals(rows_of(dataset / "slices", "test"))
    names = sorted(path.name for path in (tmp_path / "d" / "slices").glob("train-*"))
    assert names == [f"train-{n:05d}-of-{len(names):05d}.parquet" for n in range(len(names))]


def test_the_same_command_again_writes_only_what_is_missing(captioned: Any, tmp_path: Path) -> None:
    out = tmp_path / "d"
    build_dataset(captioned.path, out, DatasetSettings(configs=("text",), choice=CHOICE, view=VIEW))
    before = {path: path.stat().st_mtime_ns for path in (out / "text").iterdir()}
    whole = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    build_dataset(captioned.path, out, DatasetSettings(configs=("text", "volumes"), choice=CHOICE, view=VIEW))
    assert before == {path: path.stat().st_mtime_ns for path in (out / "text").iterdir()}
    assert "config_name: volumes" in (out / "README.md").read_text(encoding="utf-8")
    shutil.rmtree(out / "volumes")
    build_dataset(captioned.path, out, DatasetSettings(configs=("text",), choice=CHOICE, view=VIEW))
    assert {name: (out / name).read_bytes() for name in whole if name != "dataset.json"} == {
        name: data for name, data in whole.items() if name != "dataset.json"
    }
    build_dataset(captioned.path, out, DatasetSettings(configs=("text",), choice=ChoiceSettings(seed=3), view=VIEW))
    assert before != {path: path.stat().st_mtime_ns for path in (out / "text").iterdir()}


def test_equal_input_and_salt_give_equal_bytes_anywhere(dataset: Path, captioned: Any, tmp_path: Path) -> None:
    build_dataset(captioned.path, tmp_path / "far" / "away", SETTINGS)
    for path in (path for path in dataset.rglob("*") if path.is_file()):
        assert path.read_bytes() == (tmp_path / "far" / "away" / path.relative_to(dataset)).read_bytes(), path


def test_the_paper_s_split_leaks_and_the_card_says_how_much(dataset: Path, captioned: Any, tmp_path: Path) -> None:
    choice = ChoiceSettings(count=60, paper_split=True)
    build_dataset(captioned.path, tmp_path / "d", DatasetSettings(configs=("text",), choice=choice, view=VIEW))
    rows = rows_of(tmp_path / "d" / "text").to_pylist()
    train = {(row["volume_id"], row["plane"], row["index"]) for row in rows if row["split"] == "train"}
    test = [row for row in rows if row["split"] == "test"]
    beside = sum(
        bool({(row["volume_id"], row["plane"], row["index"] + step) for step in (-1, 1)} & train) for row in test
    )
    card = (tmp_path / "d" / "README.md").read_text(encoding="utf-8")
    found = re.search(r"\| text \| ([\d.]+) % \| ([\d.]+) % \| ([\d.]+) % \|", card)
    assert found is not None and "These splits leak" in card
    assert [float(value) for value in found.groups()] == [
        100.0,
        100.0,
        pytest.approx(100 * beside / len(test), abs=0.06),
    ]
    assert 0.5 < beside / len(test) < 1
    assert "These splits leak" not in (dataset / "README.md").read_text(encoding="utf-8")


def test_the_croissant_file_is_valid_and_its_checksums_are_true(dataset: Path) -> None:
    validator = Path(sys.executable).with_name("mlcroissant")
    command = [str(validator), "validate", "--jsonld", str(dataset / "croissant.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr.lower()
    written = json.loads((dataset / "croissant.json").read_text(encoding="utf-8"))
    files = [item for item in written["distribution"] if item["@type"] == "cr:FileObject"]
    assert len(files) == len(list(dataset.glob("*/*.parquet")))
    for item in files:
        assert item["sha256"] == hashlib.sha256((dataset / item["contentUrl"]).read_bytes()).hexdigest()


def test_the_card_names_sources_columns_and_figures(dataset: Path) -> None:
    card = (dataset / "README.md").read_text(encoding="utf-8")
    assert "| atlas | images, labels, spaces | CC-BY-4.0 | yes | removed |" in card
    assert "The new study, 2020." in card and "![slices](pictures/slices.png)" in card
    count = rows_of(dataset / "text", "train").num_rows
    assert f"| train | {count:,} |" in card
    assert all(f"| `{name}` |" in card for name in rows_of(dataset / "slices").column_names)


def test_only_one_licence_when_asked(captioned: Any, tmp_path: Path, load: Callable[[str], Any]) -> None:
    module = load("conftest")
    module.LICENCE = {"atlas": "CC BY-NC-SA 3.0", "new": "CC BY-SA 3.0"}
    module.build(tmp_path / "out", tmp_path / "scans", {})
    settings = DatasetSettings(configs=("text", "slices"), licence="CC BY-SA 3.0", choice=CHOICE, view=VIEW)
    build_dataset(tmp_path / "out", tmp_path / "d", settings)
    for config in ("text", "slices"):
        assert set(rows_of(tmp_path / "d" / config)["licence"].to_pylist()) == {"CC BY-SA 3.0"}
    manifest = json.loads((tmp_path / "d" / "dataset.json").read_text(encoding="utf-8"))["cohorts"]
    assert manifest["atlas"]["roles"] == ["labels", "spaces"] and "images" in manifest["new"]["roles"]
    assert {cohort["redistribution"] for cohort in manifest.values()} == {"unknown"}
    with pytest.raises(UsageError, match=r"no image is under --licence MIT: the catalog has CC BY-NC-SA 3.0, CC BY-SA"):
        build_dataset(tmp_path / "out", tmp_path / "e", DatasetSettings(licence="MIT"))


def test_wrong_input_is_refused_before_anything_is_written(captioned: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="wanted some of text,slices,volumes"):
        build_dataset(captioned.path, tmp_path / "d", DatasetSettings(configs=("words",)))
    with pytest.raises(UsageError, match="holds no slice table"):
        build_dataset(tmp_path / "none", tmp_path / "d", DatasetSettings())
    shutil.copytree(captioned.path, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "captions")
    with pytest.raises(UsageError, match="brain caption write"):
        build_dataset(tmp_path / "out", tmp_path / "d", DatasetSettings())
    assert not (tmp_path / "d").exists()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.txt").write_text("mine", encoding="ascii")
    with pytest.raises(UsageError, match=r"thesis.txt.*another --out"):
        build_dataset(captioned.path, tmp_path / "theirs", DatasetSettings())
    with pytest.raises(UsageError, match="its salt would be published"):
        open_pseudonyms(tmp_path / "out", tmp_path)
    (tmp_path / "out" / "pseudonyms.salt").write_text("short", encoding="ascii")
    with pytest.raises(UsageError, match="is no salt"):
        open_pseudonyms(tmp_path / "out", tmp_path / "d")


def test_captions_of_another_table_are_noticed(captioned: Any, tmp_path: Path) -> None:
    shutil.copytree(captioned.path, tmp_path / "out")
    path = tmp_path / "out" / "captions" / "part-00001-of-00003.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table.slice(1), table.slice(0, 1)]), path)
    with pytest.raises(UsageError, match="describes another slice table"):
        build_dataset(tmp_path / "out", tmp_path / "d", DatasetSettings(configs=("text",)))
    assert not (tmp_path / "d" / "text").exists()


def test_a_broken_scan_is_left_out_and_made_up_for_after_repair(captioned: Any, tmp_path: Path) -> None:
    out, scans = tmp_path / "out", tmp_path / "scans"
    shutil.copytree(captioned.path, out)
    shutil.copytree(captioned.path.parent / "scans", scans)
    table = pq.read_table(out / "catalog.parquet")
    for name in ("image_path", "label_path", "mask_path", "space_path"):
        moved = [str(scans / Path(path).name) for path in table[name].to_pylist()]
        position = table.schema.get_field_index(name)
        table = table.set_column(position, table.schema.field(name), pa.array(moved))
    pq.write_table(table, out / "catalog.parquet")
    victim = next(scans.glob("new_sub-m*_label.nii.gz"))
    data = victim.read_bytes()
    victim.write_bytes(data[: len(data) // 2])
    settings = DatasetSettings(configs=("text", "volumes"), choice=CHOICE, view=VIEW)
    with pytest.raises(PartialFailure, match=r"new_sub-m_T1w: .*truncated"):
        build_dataset(out, tmp_path / "d", settings)
    assert rows_of(tmp_path / "d" / "volumes").num_rows == 6
    victim.write_bytes(data)
    build_dataset(out, tmp_path / "d", settings)
    assert rows_of(tmp_path / "d" / "volumes").num_rows == 7


def test_stopped_half_way_it_keeps_what_is_whole_and_ends_with_the_same_bytes(
    dataset: Path, captioned: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = [0]
    paint = Painter.paint

    def stop(*arguments: Any) -> Any:
        drawn[0] += 1
        if drawn[0] == 30:
            raise KeyboardInterrupt
        return paint(*arguments)

    monkeypatch.setattr(Painter, "paint", stop)
    with pytest.raises(KeyboardInterrupt):
        build_dataset(captioned.path, tmp_path / "d", SETTINGS)
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == ["dataset.json", "text"]
    build_dataset(captioned.path, tmp_path / "d", SETTINGS)
    for path in (path for path in dataset.rglob("*") if path.is_file()):
        assert path.read_bytes() == (tmp_path / "d" / path.relative_to(dataset)).read_bytes(), path


def test_a_killed_run_leaves_nothing_that_looks_whole(captioned: Any, tmp_path: Path) -> None:
    left = tmp_path / "d" / ".partial-7-text" / "buckets"
    left.mkdir(parents=True)
    (left / "00000.parquet").write_bytes(b"half")
    build_dataset(captioned.path, tmp_path / "d", DatasetSettings(configs=("text",)))
    assert not list((tmp_path / "d").rglob(".partial-*"))


def test_the_card_calls_structures_by_name_where_there_are_names(captioned: Any, tmp_path: Path) -> None:
    shutil.copytree(captioned.path, tmp_path / "out")
    table = "index\tname\n2\tLeft-Cerebral-White-Matter\n17\tLeft-Hippocampus\n41\tRight-Cerebral-White-Matter\n"
    (tmp_path / "out" / "lut.tsv").write_text(table, encoding="utf-8")
    build_dataset(tmp_path / "out", tmp_path / "d", DatasetSettings(configs=("text",)))
    assert "| 17 | left hippocampus |" in (tmp_path / "d" / "README.md").read_text(encoding="utf-8")
