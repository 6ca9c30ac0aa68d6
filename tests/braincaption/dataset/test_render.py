"""Rendered slices: left is left on every grid, pixels are where the affine says, choice is even and repeatable."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import ndimage

from braincaption.errors import PartialFailure, UsageError
from braincaption.nifti import load_image
from braincaption.outfolder import open_captioned
from braincaption.render.choose import choose_slices
from braincaption.render.folder import render
from braincaption.render.picture import Painter
from braincaption.render.settings import ChoiceSettings, ViewSettings
from braincaption.render.window import intensity_window
from braincaption.slicefolder import read_slices
from braincaption.splits import volume_splits

VIEW = ViewSettings(size=64, fov_mm=192.0)
ALL = ChoiceSettings(planes=("axial", "coronal", "sagittal"), count=100_000)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("neurological", [False, True])
def test_left_is_left_on_every_grid(captioned: Any, plane: str, neurological: bool) -> None:
    source = open_captioned(captioned.path)
    view = ViewSettings(size=64, fov_mm=192.0, neurological=neurological)
    chosen = choose_slices(source, ChoiceSettings(planes=(plane,), count=100_000))
    middle = {row["volume_id"]: row for row in chosen.to_pylist() if abs(row["position_mm"]) <= 9}
    painter = Painter(source, view)
    codes: Counter[str] = Counter()
    for volume_id, row in middle.items():
        volume = source.volumes[volume_id]
        picture = painter.paint(painter.scan(volume), volume_id, plane, row["index"]).astype(float)
        codes[volume["axcodes"]] += 1
        halves = _mean(picture[:, :28]), _mean(picture[:, 36:])
        above, below = _mean(picture[:28]), _mean(picture[36:])
        if plane == "sagittal":
            assert halves[0] > halves[1]  # brighter towards anterior, which is on the left
        else:
            # The patient's left is the dark half.
            assert (halves[0] > halves[1]) != neurological
        assert above > below
    assert set(codes) == {"RAS", "LAS", "ASL", "PSR", "LPI"}


def _mean(part: Any) -> float:
    return float(part[part > 0].mean())


def test_pixels_equal_trilinear_sampling_at_the_affine_s_places(captioned: Any) -> None:
    source = open_captioned(captioned.path)
    volume_id = "new_sub-k_run-1_FLAIR@atlas_sub-2_T1w"
    volume, painter = source.volumes[volume_id], Painter(source, VIEW)
    scan = painter.scan(volume)
    picture = painter.paint(scan, volume_id, "coronal", 14)
    space, image = captioned.affines["atlas_sub-2_T1w"], captioned.affines["new_sub-k_run-1_FLAIR"]
    centre = space @ np.append(painter.centre(volume_id), 1.0)
    y = (space @ [0, 14, 0, 1])[1]
    rows, columns = np.meshgrid(np.arange(64), np.arange(64), indexing="ij")
    world = np.stack(
        [centre[0] - (columns - 31.5) * 3, np.full((64, 64), y), centre[2] - (rows - 31.5) * 3, np.ones((64, 64))]
    )
    at = np.tensordot(np.linalg.inv(image) @ captioned.matrices[volume_id], world, 1)[:3]
    grey = ndimage.map_coordinates(np.asarray(scan.volume.data, dtype=float), at, order=1, mode="constant")
    low, high = scan.window
    expected = np.floor(np.clip((grey - low) / (high - low) * 255, 0, 255) + 0.5)
    voxel = np.tensordot(np.linalg.inv(space), world, 1)[:3]
    edge = np.array(volume["shape"])[:, None, None] - 0.5
    expected[((voxel < -0.5) | (voxel > edge)).any(axis=0)] = 0
    inner = ((at > 0) & (at < np.array(scan.volume.data.shape)[:, None, None] - 1)).all(axis=0)
    assert inner.sum() > 1000 and expected.max() > 200
    np.testing.assert_allclose(picture[inner], expected[inner], atol=1)


def test_the_window_is_the_percentiles_of_the_brain() -> None:
    data = np.zeros((20, 20, 20), dtype=np.float32)
    data[5:15, 5:15, 5:15] = np.arange(1000, dtype=np.float32).reshape(10, 10, 10) + 500
    low, high = intensity_window(data)
    assert (low, high) == (
        float(np.percentile(np.arange(500, 1500), 0.5)),
        float(np.percentile(np.arange(500, 1500), 99.5)),
    )
    assert intensity_window(data, data > 1000)[0] > 1000
    assert intensity_window(np.full((2, 2, 2), 7, dtype=np.float32)) == (7.0, 8.0)


def test_choice_is_even_over_people_and_sequences_and_never_cross(captioned: Any) -> None:
    source = open_captioned(captioned.path)
    chosen = choose_slices(source, ChoiceSettings(count=100)).to_pylist()
    assert len(chosen) == 100
    assert Counter(row["split"] for row in chosen) == {"train": 60, "validation": 15, "test": 25}
    strata = Counter((row["split"], row["image_subject"], row["sequence"]) for row in chosen)
    for side in ("train", "validation", "test"):
        counts = [n for (split, _, _), n in strata.items() if split == side]
        assert max(counts) - min(counts) <= 1
    sides = {row["volume_id"]: row["split"] for row in choose_slices(source, ALL).to_pylist()}
    people = {
        (row["image_subject"], row["space_subject"]) for row in source.volumes.values() if row["volume_id"] in sides
    }
    native = {
        row["image_subject"]: sides[row["volume_id"]] for row in source.volumes.values() if row["direction"] == "native"
    }
    assert all(native[image] == native[space] for image, space in people)


def test_choice_depends_on_the_seed_only(captioned: Any) -> None:
    source = open_captioned(captioned.path)
    first = choose_slices(source, ChoiceSettings(count=50))
    assert first.equals(choose_slices(source, ChoiceSettings(count=50)))
    assert not first.equals(choose_slices(source, ChoiceSettings(count=50, seed=1)))
    larger = choose_slices(source, ALL).num_rows
    assert larger > 50


def test_a_slice_folder_says_what_was_done(captioned: Any, tmp_path: Path) -> None:
    count = render(captioned.path, tmp_path / "s", ChoiceSettings(count=40, volumes="native", least=0.3), VIEW)
    folder = read_slices(tmp_path / "s")
    table = folder.table
    assert len(folder) == count == 40
    assert folder.shape == (64, 64)
    assert set(table["displayed_side"]) == {"radiological"}
    assert (table["pixel_mm"] == 3.0).all()
    assert table["caption"].str.startswith("A axial").all()
    source = open_captioned(captioned.path)
    image = load_image(source.catalog.path(source.volumes[table["volume_id"][0]]["image_path"]))
    data = np.asarray(image.data, dtype=np.float32)
    low, high = intensity_window(data, data > 0)
    assert (table["window_low"][0], table["window_high"][0]) == (pytest.approx(low), pytest.approx(high))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "s").rglob("*.png")}
    render(captioned.path, tmp_path / "s", ChoiceSettings(count=40, volumes="native", least=0.3), VIEW)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "s").rglob("*.png")}
    with pytest.raises(UsageError, match="other options"):
        render(captioned.path, tmp_path / "s", ChoiceSettings(count=41), VIEW)


def test_a_broken_scan_is_listed_and_the_others_drawn(captioned: Any, tmp_path: Path) -> None:
    shutil.copytree(captioned.path, tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "catalog.parquet")
    paths = [path.replace("sub-n_T1w_image", "gone") for path in table["image_path"].to_pylist()]
    broken = table.set_column(
        table.schema.get_field_index("image_path"), table.schema.field("image_path"), pa.array(paths)
    )
    pq.write_table(broken, tmp_path / "out" / "catalog.parquet")
    with pytest.raises(PartialFailure, match=r"new_sub-n_T1w: .*gone.nii.gz does not exist"):
        render(tmp_path / "out", tmp_path / "s", ALL, VIEW)
    whole = choose_slices(open_captioned(captioned.path), ALL)
    lost = sum(1 for row in whole.to_pylist() if row["image_id"] == "new_sub-n_T1w")
    assert len(read_slices(tmp_path / "s")) == whole.num_rows - lost > 0 < lost
    assert "new_sub-n_T1w" in (tmp_path / "s" / "logs" / "failed.tsv").read_text(encoding="utf-8")


def test_wrong_choices_are_refused(captioned: Any, tmp_path: Path) -> None:
    for settings, message in [
        (ChoiceSettings(planes=("tilted",)), "wanted one of axial"),
        (ChoiceSettings(count=0), "wanted 1 or more"),
        (ChoiceSettings(volumes="some"), "wanted one of all, native"),
    ]:
        with pytest.raises(UsageError, match=message):
            render(captioned.path, tmp_path / "s", settings, VIEW)
    with pytest.raises(UsageError, match="holds no slice table"):
        render(tmp_path, tmp_path / "s", ALL, VIEW)
    with pytest.raises(UsageError, match="8 to 4096"):
        render(captioned.path, tmp_path / "s", ALL, ViewSettings(size=2))
    assert not (tmp_path / "s").exists()


def test_hugging_face_datasets_opens_a_slice_folder(
    captioned: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    render(captioned.path, tmp_path / "s", ChoiceSettings(count=12), VIEW)
    opened = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "s"), cache_dir=str(tmp_path / "cache"))
    rows = opened["train"]
    assert rows.num_rows == 12 and rows[0]["image"].size == (64, 64)
    shown = {row["caption"]: np.asarray(row["image"]) for row in rows}
    folder = read_slices(tmp_path / "s")
    for i in range(12):
        np.testing.assert_array_equal(folder.image(i), shown[folder.table["caption"][i]])


def test_least_leaves_out_what_a_plain_sum_leaves_out(captioned: Any) -> None:
    source = open_captioned(captioned.path)
    settings = ChoiceSettings(planes=("axial", "sagittal"), count=100_000, least=0.6)
    chosen = {(row["volume_id"], row["plane"], row["index"]) for row in choose_slices(source, settings).to_pylist()}
    rows = [row for table in source.tables(["volume_id", "plane", "index", "structures"]) for row in table.to_pylist()]
    shown = {
        (row["volume_id"], row["plane"], row["index"]): sum(item["volume_mm3"] for item in row["structures"])
        for row in rows
        if row["plane"] != "coronal"
    }
    fullest: dict[tuple[str, str], float] = {}
    for (volume, plane, _), value in shown.items():
        fullest[volume, plane] = max(fullest.get((volume, plane), 0.0), value)
    splits = volume_splits(source.catalog.table, settings.splits)
    wanted = {key for key, value in shown.items() if value >= 0.6 * fullest[key[:2]] and splits[key[0]] != "cross"}
    assert chosen == wanted and 0 < len(wanted) < len(shown)
