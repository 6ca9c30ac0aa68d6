"""Small parts of the controllable system: latents of the synthetic slices, a base on them, a quick config."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from brainldm.config import load_config
from brainldm.controllable.settings import ControlConfig, load_control_config
from brainldm.latents import encode_slices, read_latents
from brainldm.slices import load_slices
from brainldm.train_ldm import train_ldm
from brainldm.train_vae import train_vae

STEPS = 3


def with_steps(text: str, steps: int) -> str:
    """Return a config's TOML with `steps` steps of everything."""
    lines = [
        f"{line.split(' = ')[0]} = {steps}" if re.match(r"(steps|vae|ldm) = \d", line) else line
        for line in text.splitlines()
    ]
    return "\n".join(lines)


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """The system's tiny config with three steps of everything."""
    (tmp_path / "base.toml").write_text(with_steps(files("brainldm.configs").joinpath("tiny.toml").read_text(), STEPS))
    own = files("brainldm.controllable.configs").joinpath("tiny.toml").read_text()
    base = f'base = "{(tmp_path / "base.toml").as_posix()}"'
    (tmp_path / "quick.toml").write_text(with_steps(own, STEPS).replace('base = "tiny"', base))
    return tmp_path / "quick.toml"


@pytest.fixture(scope="session")
def small() -> ControlConfig:
    """Tiny with small networks: two steps of everything, text also pooled and as a layout; levels differ in heads."""
    config = load_config("tiny")
    base = replace(
        config,
        vae_training=replace(config.vae_training, steps=2, batch=4),
        text=replace(config.text, width=16, layers=1, heads=2, steps=2, batch=4),
        unet=replace(config.unet, channels=(8, 16, 16), head_channels=(0, 16, 8), text_width=16, norm_groups=4),
        ldm_training=replace(config.ldm_training, steps=2, batch=6),
    )
    control = load_control_config("tiny")
    training = replace(control.training, steps=6, batch=4, warmup_steps=0)
    return replace(control, base=base, training=training)


@pytest.fixture(scope="session")
def base(slice_folder: Path, small: ControlConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``latents`` and the base ``model`` of the synthetic slices."""
    out = tmp_path_factory.mktemp("base")
    training = load_slices(slice_folder, "train", 4)
    train_vae(training, load_slices(slice_folder, "validation", 4), small.base, 0, out / "vae", None)
    encode_slices(training, out / "vae", "built-in", 0, out / "latents")
    train_ldm(read_latents(out / "latents"), small.base, 0, out / "model", None)
    return out
