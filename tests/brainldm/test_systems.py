"""A system trained by one command: cut short and repeated it ends with the bytes of an uninterrupted run."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from brainldm.app import app
from brainldm.systems import names


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """The tiny config with three steps of everything."""
    text = files("brainldm.configs").joinpath("tiny.toml").read_text()
    lines = ["steps = 3" if line.startswith("steps = ") and '"' not in line else line for line in text.splitlines()]
    (tmp_path / "quick.toml").write_text("\n".join(lines))
    return tmp_path / "quick.toml"


def brain(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_one_command_trains_all_stages_and_goes_on_where_it_stopped(
    slice_folder: Path, quick: Path, tmp_path: Path
) -> None:
    command = ("train", "dalle-brain", slice_folder, "--config", quick, "--out")
    assert "quick, 3 of 3 steps on 27 slices" in brain(*command, tmp_path / "whole")
    assert "VAE, 0 of 3 steps: the same command goes on" in brain(*command, tmp_path / "parts", "--minutes", 0)
    assert "3 of 3 steps" in brain(*command, tmp_path / "parts")
    before = (tmp_path / "parts" / "training" / "stages" / "latents" / "mean.npy").stat().st_mtime_ns
    assert "3 of 3 steps" in brain(*command, tmp_path / "parts")
    assert (tmp_path / "parts" / "training" / "stages" / "latents" / "mean.npy").stat().st_mtime_ns == before
    both = (tmp_path / "whole", tmp_path / "parts")
    kept = [path for path in (tmp_path / "whole").rglob("*") if path.is_file() and "logs" not in path.parts]
    assert len(kept) > 20
    for path in kept:
        if path.parent.name == "training":  # a checkpoint: safetensors writes two metadata keys in either order
            one, other = (load_file(root / path.relative_to(tmp_path / "whole")) for root in both)
            assert one.keys() == other.keys()
            assert all(torch.equal(one[key], other[key]) for key in one), path.name
            continue
        assert path.read_bytes() == (tmp_path / "parts" / path.relative_to(tmp_path / "whole")).read_bytes(), path.name
    drawn = brain("generate", "Axial T1w slice", "--model", tmp_path / "parts", "--out", tmp_path / "g", "--steps", 2)
    assert "1 slices drawn with quick@" in drawn


def test_training_is_logged_for_tensorboard(slice_folder: Path, quick: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    quick.write_text(quick.read_text().replace("checkpoint_minutes = 1.0", "checkpoint_minutes = 0.0"))
    brain("train", "dalle-brain", slice_folder, "--config", quick, "--out", tmp_path / "m")
    for folder, name in ((tmp_path / "m" / "training" / "stages" / "vae", "vae"), (tmp_path / "m", "ldm")):
        events = EventAccumulator(str(folder / "training" / "logs" / name)).Reload()
        assert [event.step for event in events.Scalars(f"{name}/loss")] == [0]
        assert [event.step for event in events.Images(f"{name}/samples")] == [1, 2, 3]


def test_the_zoo_lists_the_systems_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    assert "dalle-brain" in names()
    assert "dalle-brain\tsystem" in brain("zoo", "list")
    told = CliRunner().invoke(app, ["train", "nothing", str(tmp_path), "--out", str(tmp_path / "m")])
    assert (told.exit_code, "no system 'nothing': give one of" in told.stderr) == (2, True)
