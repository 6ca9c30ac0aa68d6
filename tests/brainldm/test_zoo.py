"""Models by name: shipped and imported ones are listed, shown and found; wrong names say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from braincaption.errors import UsageError
from brainldm.config import load_config
from brainldm.model_folder import ModelRecord, write_record
from brainldm.zoo import entries, find_entry, find_model, import_model, user_folder


@pytest.fixture(autouse=True)
def _own_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAIN_ZOO", str(tmp_path / "zoo"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    (folder / "training").mkdir(parents=True)
    (folder / "training" / "ldm.safetensors").write_bytes(b"large")
    (folder / "vae.safetensors").write_bytes(b"weights")
    write_record(
        folder,
        ModelRecord(
            settings=load_config("tiny"), image_shape=(64, 64), latent_shape=(4, 16, 16), seed=0, vae_steps=1,
            ldm_steps=1, scale_factor=1.0, text="built-in", text_width=64, sequences=("T1w",), data={}, pixel_mm=None,
        ),
    )  # fmt: skip
    return folder


def test_an_imported_model_is_found_by_name_without_its_training_state(model: Path) -> None:
    entry = import_model(str(model), "my-cohort")
    assert entry.folder == user_folder() / "my-cohort"
    assert find_model("my-cohort") == entry.folder
    assert not (entry.folder / "training").exists()
    assert (entry.folder / "vae.safetensors").read_bytes() == b"weights"
    assert "my-cohort" in {found.name for found in entries()}
    assert entry.record.sequences == ("T1w",)


def test_the_checksum_names_the_weights_not_the_folder(model: Path) -> None:
    first, second = import_model(str(model), "first").checksum, import_model(str(model), "second").checksum
    assert first == second
    (user_folder() / "second" / "vae.safetensors").write_bytes(b"others")
    assert find_entry("second").checksum != first


def test_a_folder_is_taken_as_it_is(model: Path) -> None:
    assert find_model(str(model)) == model


@pytest.mark.parametrize("name", ["../evil", "Upper", "", "a/b"])
def test_names_that_could_leave_the_zoo_are_refused(model: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is no model name"):
        import_model(str(model), name)


def test_unknown_models_and_folders_without_model_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="zoo import SRC nothing"):
        find_entry("nothing")
    with pytest.raises(UsageError, match="is no model folder"):
        import_model(str(tmp_path), "empty")
