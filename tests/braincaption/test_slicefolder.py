"""Slice folders written and read back: equal pictures and facts, one-line errors for what is no slice folder."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from braincaption.errors import UsageError
from braincaption.schema import GENERATED_FOLDER, SLICE_FOLDER
from braincaption.slicefolder import encode_png, file_name, read_slices, write_slices


def facts(number: int) -> dict[str, Any]:
    return {
        "volume_id": f"c_sub-{number % 3}@c_sub-1",
        "plane": "axial",
        "index": number,
        "caption": f"slice {number}",
        "sequence": "T1w",
        "position_mm": number - 3.5,
        "person": f"c/{number % 3}",
        "split": "train",
        "pixel_mm": 1.0,
        "window_low": 0.0,
        "window_high": 90.0,
        "displayed_side": "radiological",
    }


def picture(number: int, size: int = 12) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 255, (size, size + 2), dtype=np.uint8)


def test_what_is_written_is_read_back_in_key_order(tmp_path: Path) -> None:
    assert write_slices(tmp_path, ((facts(i), picture(i)) for i in range(9))) == 9
    folder = read_slices(tmp_path)
    assert folder.shape == (12, 14)
    assert list(folder.table.columns) == SLICE_FOLDER.names
    assert folder.table["index"].tolist() == [0, 3, 6, 1, 4, 7, 2, 5, 8]
    for number, shown in zip(folder.table["index"], folder.images(), strict=True):
        np.testing.assert_array_equal(shown, picture(int(number)))
    few = folder.select((folder.table["index"] > 5).to_numpy(dtype=bool))
    np.testing.assert_array_equal(few.image(2), picture(8))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(few)).image(0), picture(6))  # noqa: S301


def test_bytes_do_not_depend_on_order_or_place(tmp_path: Path) -> None:
    write_slices(tmp_path / "a", ((facts(i), picture(i)) for i in range(6)))
    write_slices(tmp_path / "far" / "b", ((facts(i), picture(i)) for i in reversed(range(6))))
    for path in (tmp_path / "a").rglob("*.p*"):
        assert path.read_bytes() == (tmp_path / "far" / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_an_interrupted_run_draws_only_what_is_missing(tmp_path: Path) -> None:
    drawn: list[int] = []

    def draw(number: int) -> Callable[[], npt.NDArray[np.uint8]]:
        def make() -> npt.NDArray[np.uint8]:
            if number == 4 and 4 not in drawn:
                drawn.append(4)
                raise KeyboardInterrupt
            drawn.append(number)
            return picture(number)

        return make

    with pytest.raises(KeyboardInterrupt):
        write_slices(tmp_path, ((facts(i), draw(i)) for i in range(6)))
    assert not (tmp_path / "metadata.parquet").exists()
    write_slices(tmp_path, ((facts(i), draw(i)) for i in range(6)))
    assert drawn == [0, 1, 2, 3, 4, 4, 5]
    write_slices(tmp_path, ((facts(i), draw(i)) for i in range(2)))
    assert len(list(tmp_path.glob("images/*/*.png"))) == 2


def test_generated_slices_of_one_prompt_differ_by_seed(tmp_path: Path) -> None:
    extra = {"model": "toy", "steps": 20, "sampler": "ddim", "guidance": 3.0}
    prompt = {"volume_id": "prompt-1", "caption": "A brain."}
    rows = [({**prompt, **extra, "seed": seed}, picture(seed)) for seed in range(3)]
    write_slices(tmp_path, rows, GENERATED_FOLDER)
    folder = read_slices(tmp_path)
    assert list(folder.table.columns) == GENERATED_FOLDER.names
    assert folder.table["index"].isna().all()
    assert folder.table["seed"].tolist() == [0, 1, 2]


def test_a_dataset_folder_is_read_like_a_slice_folder(tmp_path: Path) -> None:
    write_slices(tmp_path / "s", ((facts(i), picture(i)) for i in range(9)))
    folder = read_slices(tmp_path / "s")
    table = pq.read_table(tmp_path / "s" / "metadata.parquet")
    images = [{"bytes": encode_png(shown), "path": None} for shown in folder.images()]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    shards = tmp_path / "d" / "slices"
    shards.mkdir(parents=True)
    whole = table.append_column("image", pa.array(images, kind))
    pq.write_table(whole.slice(0, 4), shards / "train-00000-of-00002.parquet", row_group_size=3)
    pq.write_table(whole.slice(4), shards / "train-00001-of-00002.parquet", row_group_size=3)
    again = read_slices(tmp_path / "d")
    assert again.table.equals(folder.table)
    for i in (8, 0, 5, 4, 3):
        np.testing.assert_array_equal(again.image(i), folder.image(i))


def test_a_key_may_not_come_twice_nor_an_unknown_field(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two slices have the key"):
        write_slices(tmp_path, [(facts(1), picture(1)), (facts(1), picture(1))])
    with pytest.raises(ValueError, match="colour"):
        write_slices(tmp_path, [({**facts(1), "colour": "red"}, picture(1))])


def test_wrong_folders_are_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        read_slices(tmp_path / "none")
    with pytest.raises(UsageError, match=r"holds nothing.*brain caption render"):
        read_slices(tmp_path)
    pq.write_table(SLICE_FOLDER.empty_table(), tmp_path / "metadata.parquet")
    with pytest.raises(UsageError, match="holds no slice"):
        read_slices(tmp_path)
    (tmp_path / "metadata.parquet").write_text("not parquet")
    with pytest.raises(UsageError, match="no readable Parquet"):
        read_slices(tmp_path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "metadata.parquet")
    with pytest.raises(UsageError, match="lacks file_name, volume_id"):
        read_slices(tmp_path)


def test_pictures_must_be_there_grey_and_of_one_size(tmp_path: Path) -> None:
    write_slices(tmp_path, ((facts(i), picture(i)) for i in range(3)))
    third = tmp_path / file_name(facts(2))
    third.write_bytes(encode_png(picture(2, 20)))
    with pytest.raises(UsageError, match=r"22×20 pixels and the first 14×12.*--size"):
        read_slices(tmp_path)
    Image.new("RGB", (14, 12)).save(third)
    with pytest.raises(UsageError, match="8-bit RGB, wanted 8-bit grey"):
        read_slices(tmp_path)
    third.unlink()
    with pytest.raises(UsageError, match="not there"):
        read_slices(tmp_path)
