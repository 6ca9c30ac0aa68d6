"""The system by its commands: trained, listed, cut short and gone on with; volumes made, and wrong input told."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from brainldm.app import app
from brainldm.tumsyn.model_folder import model_checksum

from .conftest import AFFINE, write_scan


def brain(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def scan(cohort: Path) -> Path:
    return cohort / "sub-04" / "anat" / "sub-04_T1w.nii.gz"


def test_a_run_cut_short_ends_with_the_bytes_of_an_uninterrupted_one(
    cohort: Path, model: Path, quick: Path, tmp_path: Path
) -> None:
    command = ("train", "tumsyn", cohort, "--config", quick, "--out", tmp_path / "parts")
    assert "stage 1, 0 of 3 steps: the same command goes on" in brain(*command, "--minutes", 0)
    assert "quick, 3 of 3 steps on 16 volumes" in brain(*command)
    before = (tmp_path / "parts" / "training" / "synthesis.safetensors").read_bytes()
    assert "3 of 3 steps" in brain(*command)
    kept = [path.relative_to(model) for path in model.rglob("*") if path.is_file() and "logs" not in path.parts]
    assert {"config.json", "README.md", "synthesis.safetensors", "vision.safetensors"} <= {str(path) for path in kept}
    for path in kept:
        assert (model / path).read_bytes() == (tmp_path / "parts" / path).read_bytes(), path
    assert (tmp_path / "parts" / "training" / "synthesis.safetensors").read_bytes() == before
    assert "was trained with other seed" in brain(*command, "--seed", 1, code=2)


def test_stage_two_goes_on_from_its_checkpoint(cohort: Path, quick: Path, tmp_path: Path) -> None:
    short, long = tmp_path / "short.toml", tmp_path / "long.toml"
    short.write_text(quick.read_text())
    long.write_text(_longer(quick.read_text()))
    for out, configs in (("once", [long]), ("twice", [short, long])):
        for config in configs:
            brain("train", "tumsyn", cohort, "--config", config, "--out", tmp_path / out, "--text", "one-hot")
    name = "synthesis.safetensors"
    assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()


def _longer(text: str) -> str:
    head, tail = text.split("[training]\n")
    return f"{head}[training]\n{tail.replace('steps = 3', 'steps = 6', 1)}"


def test_the_zoo_knows_the_system_and_its_models(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BRAIN_ZOO", str(tmp_path / "zoo"))
    brain("zoo", "import", model, "mine")
    listed = brain("zoo", "list")
    assert "tumsyn\tsystem, to be trained with train tumsyn\tvolume to volume" in listed
    assert f"mine\tvolumes, 3×3×3 mm\tFLAIR, T1w, T2w\t{model_checksum(model)[:12]}" in listed
    assert "paper: synthesis.blocks = 24\t# authors' code" in brain("zoo", "show", "tumsyn")
    card = brain("zoo", "show", "mine")
    assert "license_name: CC0-1.0" in card
    assert "16 of 4 people" in card


def test_what_the_model_never_saw_is_brought_into_its_range_and_said(model: Path, scan: Path, tmp_path: Path) -> None:
    def made(prompt: str) -> tuple[str, np.ndarray, dict[str, str]]:
        out = tmp_path / prompt.replace(" ", "")
        said = brain("generate", prompt, "--image", scan, "--model", model, "--out", out)
        path = out / "sub-04_desc-synthetic_T2w.nii.gz"
        about = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
        return said, nib.load(path).get_fdata(), about

    said, voxels, about = made("T2w, TE 300 ms, TR 2000 ms")
    assert "TE, ms, 300 is taken as 120 (T2w trained on: 60 to 120)" in said
    assert "TR, ms, 2000 is not used (no T2w trained on states it)" in said
    assert "TE: 300.0 ms" in about["PromptAsRead"]
    assert "TR: None; TE: 120.0 ms" in about["PromptAsTaken"]
    plain, same, _ = made("T2w, TE 120 ms")
    assert "taken" not in plain
    np.testing.assert_array_equal(voxels, same)
    _, _, unsaid = made("T2w")
    assert "TE: 90.0 ms" in unsaid["PromptAsTaken"], "the median of those trained on"


def test_a_volume_is_made_once_with_its_sidecar(model: Path, scan: Path, tmp_path: Path) -> None:
    command = ("generate", "T2w, TE 90 ms", "--image", scan, "--model", model, "--out", tmp_path / "o", "--zooms", "2")
    assert "1 volume (T2w) from sub-04_T1w.nii.gz with quick-tumsyn@" in brain(*command)
    path = tmp_path / "o" / "sub-04_desc-synthetic_T2w.nii.gz"
    image = nib.load(path)
    assert image.shape == (30, 30, 30)
    assert image.header.get_zooms() == pytest.approx((2, 2, 2))
    assert np.allclose(image.affine[:3, 3], AFFINE[:3, 3] - 0.5)
    data = image.get_fdata()
    assert (data.min(), data.max() <= 1) == (0, True)
    said = json.loads(path.with_name("sub-04_desc-synthetic_T2w.json").read_text())
    assert (said["EchoTime"], said["Sources"], said["Prompt"]) == (0.09, ["sub-04_T1w.nii.gz"], "T2w, TE 90 ms")
    assert "Voxel size: 2.0 x 2.0 x 2.0 mm; TR: None; TE: 90.0 ms" in said["PromptAsRead"]
    made = path.stat().st_mtime_ns
    brain(*command)
    assert path.stat().st_mtime_ns == made, "it was there"
    brain("generate", "T2w, TE 50 ms", *command[2:])
    assert path.stat().st_mtime_ns != made


def test_a_table_of_captions_makes_a_volume_each(model: Path, scan: Path, tmp_path: Path) -> None:
    pd.DataFrame({"caption": ["T2w, TE 60 ms", "T2w, TE 120 ms", "FLAIR"]}).to_parquet(tmp_path / "c.parquet")
    brain("generate", tmp_path / "c.parquet", "--image", scan, "--model", model, "--out", tmp_path / "o")
    names = {path.name for path in (tmp_path / "o").glob("*.nii.gz")}
    assert names == {f"sub-04_desc-synthetic{end}.nii.gz" for end in ("1_T2w", "2_T2w", "3_FLAIR")}


def test_a_prompt_without_an_echo_time_is_taken(model: Path, scan: Path, tmp_path: Path) -> None:
    brain("generate", "FLAIR", "--image", scan, "--model", model, "--out", tmp_path / "o")
    said = json.loads((tmp_path / "o" / "sub-04_desc-synthetic_FLAIR.json").read_text())
    assert "TE: None" in said["PromptAsRead"]
    assert "EchoTime" not in said


def test_wrong_input_is_told_and_nothing_is_written(model: Path, scan: Path, tmp_path: Path) -> None:
    series = nib.Nifti1Image(np.random.default_rng(0).random((6, 6, 6, 3)).astype(np.float32), np.eye(4))
    nib.save(series, tmp_path / "series.nii.gz")
    (tmp_path / "cut.nii.gz").write_bytes(gzip.compress(gzip.decompress(scan.read_bytes())[:900]))
    cases: list[tuple[tuple[object, ...], int, str]] = [
        (("T2w",), 2, "makes volumes from a scan: give one with --image"),
        (("T2w", "--image", tmp_path / "nothing.nii.gz"), 2, "does not exist"),
        (("T2w", "--image", tmp_path / "cut.nii.gz"), 1, "truncated or damaged"),
        (("T2w", "--image", tmp_path / "series.nii.gz"), 1, "is a series of shape"),
        (("SWI", "--image", scan), 2, "names no contrast that the model knows: name one of FLAIR, T1w, T2w"),
        (("T2w", "--image", scan, "--mask", "m.png"), 2, "takes no --mask"),
        (("T2w", "--image", scan, "--n", 2), 2, "leave --n out"),
        (("T2w", "--image", scan, "--zooms", "fine"), 2, "is no voxel size"),
        (("T2w", "--image", scan, "--zooms", "-1"), 2, "is no voxel size"),
        ((tmp_path / "none.parquet", "--image", scan), 2, "is no readable Parquet file"),
    ]
    for words, code, told in cases:
        message = brain("generate", *words, "--model", model, "--out", tmp_path / "o", code=code)
        assert told in message, words
    assert not (tmp_path / "o").exists()
    assert "leave --image and --zooms out" in brain("generate", "T1w", "--image", scan, "--out", tmp_path / "o", code=2)


def test_a_contrast_that_was_not_trained_on_is_not_made(cohort: Path, quick: Path, scan: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(cohort, tmp_path / "made")
    for path in mine.rglob("*_T2w.nii.gz"):
        path.unlink()
    brain("train", "tumsyn", mine, "--config", quick, "--out", tmp_path / "m", "--text", "one-hot")
    told = brain("generate", "T2w", "--image", scan, "--model", tmp_path / "m", "--out", tmp_path / "o", code=2)
    assert "name one of FLAIR, T1w" in told


def test_another_encoder_by_folder_takes_the_place_of_stage_one(
    cohort: Path, quick: Path, scan: Path, tmp_path: Path
) -> None:
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "t", "##1", "##2", "##w", "flair", "te", ":", "none"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    tokenizer = BertTokenizerFast(vocab=str(tmp_path / "vocab.txt"), model_max_length=90)
    tokenizer.save_pretrained(tmp_path / "bert")
    shape = BertConfig(vocab_size=tokenizer.vocab_size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                       intermediate_size=16, max_position_embeddings=90)  # fmt: skip
    BertModel(shape).save_pretrained(tmp_path / "bert")
    brain("train", "tumsyn", cohort, "--config", quick, "--out", tmp_path / "m", "--text", tmp_path / "bert")
    shutil.rmtree(tmp_path / "bert")
    told = brain("generate", "T2w", "--image", scan, "--model", tmp_path / "m", "--out", tmp_path / "o")
    assert "1 volume (T2w)" in told
    assert "prompt encoder | bert" in (tmp_path / "m" / "README.md").read_text()


def test_a_whole_cohort_may_lack_everything_but_the_scans(tmp_path: Path, quick: Path) -> None:
    for person in range(4):
        for contrast in ("T1w", "FLAIR"):
            write_scan(tmp_path / "bare", person, contrast).with_suffix("").with_suffix(".json").unlink()
    told = brain("train", "tumsyn", tmp_path / "bare", "--config", quick, "--out", tmp_path / "m")
    assert "3 of 3 steps" in told
