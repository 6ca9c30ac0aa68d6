"""The system by its commands: made from nothing or from a base, in parts or at once; drawn, listed, refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from braincaption.errors import UsageError
from braincaption.slicefolder import read_slices
from brainldm.app import app
from brainldm.sdmri import miniature_vae, train
from brainldm.sdmri.base import Base
from brainldm.sdmri.model_folder import read_sd_record
from brainldm.sdmri.settings import available, load_sd_config, sd_origins


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


def brain(*arguments: object) -> str:
    code, said, told = run(*arguments)
    assert code == 0, told
    return said


@pytest.fixture
def model(field_slices: Path, base: Base, quick: Path, tmp_path: Path) -> Path:
    out = tmp_path / "model"
    command = ("train", "sd-mri", field_slices, "--base", base.folder, "--config", quick, "--out", out)
    assert "quick on sd, 4 of 4 steps on 12 slices" in brain(*command)
    return out


def test_cut_short_anywhere_it_ends_with_the_bytes_of_an_uninterrupted_run(
    field_slices: Path, quick: Path, tmp_path: Path
) -> None:
    command = ("train", "sd-mri", field_slices, "--config", quick, "--out")
    assert "quick on miniature, 4 of 4 steps" in brain(*command, tmp_path / "whole")
    assert "VAE of the miniature, 0 of 3 steps: the same command goes on" in brain(
        *command, tmp_path / "parts", "--minutes", 0
    )
    for module in (miniature_vae, train):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "descend", _interrupted())
            code, _, _ = run(*command, tmp_path / "parts")
        assert code != 0, "Ctrl-C"
    assert "quick on miniature, 4 of 4 steps" in brain(*command, tmp_path / "parts")
    kept = [path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*") if path.is_file()]
    kept = [path for path in kept if "logs" not in path.parts]
    assert len(kept) > 20
    for path in kept:
        assert str(tmp_path).encode() not in (tmp_path / "whole" / path).read_bytes(), "where it was made"
        assert (tmp_path / "whole" / path).read_bytes() == (tmp_path / "parts" / path).read_bytes(), path


def _interrupted():  # type: ignore[no-untyped-def]
    """Return an optimizer's step at which somebody presses Ctrl-C, the second time."""
    from brainldm.descent import descend

    calls = []

    def step(*arguments, **settings):  # type: ignore[no-untyped-def]
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        descend(*arguments, **settings)

    return step


def test_a_table_is_drawn_by_what_its_rows_say(model: Path, field_slices: Path, tmp_path: Path) -> None:
    test = read_slices(field_slices).table
    test = test[test["split"] == "test"]
    test.drop(columns="file_name").to_parquet(tmp_path / "asked.parquet")
    brain("generate", tmp_path / "asked.parquet", "--model", model, "--out", tmp_path / "t", "--steps", 2)
    drawn = read_slices(tmp_path / "t")
    assert drawn.shape == (16, 16)
    assert sorted(drawn.table["caption"]) == sorted(test["caption"]), "the table's own captions stay"
    assert set(drawn.table["field_strength_t"].astype(float).round(3)) == {0.3, 3.0}
    row = drawn.table[(drawn.table["sequence"] == "FLAIR") & (drawn.table["field_strength_t"] < 1)].index[0]
    seed = int(drawn.table.loc[row, "seed"])
    prompt = "Axial FLAIR MRI of the brain at 0.3 T"
    told = brain("generate", prompt, "--model", model, "--out", tmp_path / "p", "--steps", 2, "--seed", seed)
    assert "1 slices drawn with quick-sd-mri@" in told
    same = read_slices(tmp_path / "p")
    assert np.array_equal(same.image(0), drawn.image(int(row)))
    assert (same.table["sequence"][0], round(float(same.table["field_strength_t"][0]), 3)) == ("FLAIR", 0.3)
    assert same.table["displayed_side"].isna().all()


def test_a_prompt_may_name_every_sequence(model: Path, tmp_path: Path) -> None:
    brain("generate", "Axial {sequence} MRI at 3 T", "--model", model, "--out", tmp_path / "d", "--steps", 2, "--n", 2)
    assert sorted(read_slices(tmp_path / "d").table["sequence"].value_counts().items()) == [
        ("FLAIR", 2), ("T1w", 2), ("T2w", 2),
    ]  # fmt: skip


def test_the_model_is_the_next_base_and_lives_in_the_zoo(
    model: Path, field_slices: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("train", "sd-mri", field_slices, "--base", model, "--config", quick, "--out", tmp_path / "next")
    assert "quick on model, 4 of 4 steps" in brain(*command)
    record = read_sd_record(model)
    assert (record.fields_t, record.sequences, record.base_licence) == (
        (0.3, 3.0),
        ("FLAIR", "T1w", "T2w"),
        "apache-2.0",
    )
    monkeypatch.setenv("BRAIN_ZOO", str(tmp_path / "zoo"))
    brain("zoo", "import", model, "low-field")
    assert "low-field\t16×16\tFLAIR, T1w, T2w" in brain("zoo", "list")
    assert "license: apache-2.0" in brain("zoo", "show", "low-field")
    brain("generate", "FLAIR", "--model", "low-field", "--out", tmp_path / "z", "--steps", 2)
    assert not (tmp_path / "zoo" / "low-field" / "training").exists()


def test_what_it_cannot_do_is_refused_and_nothing_is_written(
    model: Path, field_slices: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    out = ("--out", tmp_path / "none")
    train_it = ("train", "sd-mri", field_slices, "--config", quick, *out)
    for command, said in (
        ((*train_it, "--base", tmp_path), "no Stable Diffusion in diffusers' layout"),
        ((*train_it, "--base", "me/sd"), "nothing is downloaded unasked"),
        ((*train_it, "--text", "biomedbert"), "leave --text biomedbert out"),
        (("train", "sd-mri", field_slices, "--config", "paper", *out), "hf download stable-diffusion-v1-5"),
        (("train", "sd-mri", field_slices, "--config", "paper", "--base", "miniature", *out), "no table [miniature]"),
        (("train", "dalle-brain", field_slices, "--base", model, *out), "starts from nothing that --base could name"),
        (("generate", "FLAIR", "--model", model, "--mask", "m.png", *out), "leave --image, --zooms and --mask out"),
    ):
        code, _, told = run(*command)
        assert (code, said in told) == (2, True), told
        assert not (tmp_path / "none").exists() or not any((tmp_path / "none").iterdir()), said


def test_every_number_of_every_config_has_an_origin(tmp_path: Path) -> None:
    assert available() == ["paper", "tiny"]
    for name in available():
        config, origins = load_sd_config(name), sd_origins(name)
        tables = {"input", "trained", "training", "sampling"} | ({"miniature"} if config.miniature else set())
        assert set(origins) == {f"{table}.{key}" for table in tables for key in vars(getattr(config, table))}
        assert all(text.startswith(("paper", "prior art", "chosen")) for text in origins.values())
    told = brain("zoo", "show", "sd-mri")
    assert "paper: base = stable-diffusion-v1-5/stable-diffusion-v1-5" in told
    assert "paper: training.drop_text = 0.1\t# prior art" in told
    for text, said in (
        ("base = 'x'", "has base, wanted base, input"),
        ((tmp_path / "t.toml").name, "no config"),
    ):
        path = tmp_path / "wrong.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=said):
            load_sd_config(str(path) if "=" in text else text)


def test_a_table_without_field_strength_is_asked_for_by_contrast(model: Path, tmp_path: Path) -> None:
    table = pd.DataFrame({"caption": ["a long caption", "another"], "sequence": ["T2w", None]})
    table.to_parquet(tmp_path / "c.parquet")
    brain("generate", tmp_path / "c.parquet", "--model", model, "--out", tmp_path / "c", "--steps", 2)
    brain("generate", "T2-weighted MRI of the brain", "--model", model, "--out", tmp_path / "p", "--steps", 2)
    drawn, asked = read_slices(tmp_path / "c"), read_slices(tmp_path / "p")
    row = int(drawn.table[drawn.table["seed"] == 0].index[0])
    assert np.array_equal(drawn.image(row), asked.image(0))
