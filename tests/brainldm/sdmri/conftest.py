"""A miniature Stable Diffusion in diffusers' layout, its U-Net untrained; slices that state their field strength."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from braincaption.slicefolder import write_slices
from brainldm.sdmri.base import Base, find_base
from brainldm.sdmri.miniature import write_miniature
from brainldm.sdmri.miniature_vae import train_miniature_vae
from brainldm.sdmri.settings import SdConfig, load_sd_config
from brainldm.slices import load_slices

SIZE = 16
GREY = {"T1w": 200, "T2w": 110, "FLAIR": 160}


@pytest.fixture(scope="session")
def field_slices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs of 6 people, 3 contrasts and 2 field strengths; people 4 and 5 are for test."""
    out = tmp_path_factory.mktemp("sdmri") / "slices"
    rng = np.random.default_rng(0)
    rows = []
    for person in range(6):
        for sequence, grey in GREY.items():
            field_t = 0.3 if person % 2 else 3.0
            down, across = np.indices((SIZE, SIZE)) - SIZE // 2
            picture = np.where(down**2 + across**2 < (4 + person / 2) ** 2, grey, 0) + rng.normal(0, 9, (SIZE, SIZE))
            facts = {
                "volume_id": f"made_sub-{person}_{sequence}", "plane": "axial", "index": 0, "pixel_mm": 4.0,
                "caption": f"Axial {sequence} slice of person {person}, a long sentence.", "sequence": sequence,
                "field_strength_t": field_t, "person": f"made/{person}", "split": "test" if person > 3 else "train",
            }  # fmt: skip
            rows.append((facts, np.clip(picture, 0, 255).astype(np.uint8)))
    write_slices(out, rows)
    return out


def smaller(part: str) -> SdConfig:
    """Return tiny with little of everything."""
    config = load_sd_config("tiny")
    assert config.miniature is not None
    miniature = replace(
        config.miniature, vae_channels=(8, 8), unet_channels=(8, 16), heads=2, vae_steps=3, vae_batch=4, norm_groups=4
    )
    return replace(
        config,
        trained=replace(config.trained, part=part),
        training=replace(config.training, steps=6, batch=4, micro_batch=4, warmup_steps=1),
        miniature=miniature,
    )


@pytest.fixture(scope="session")
def small() -> SdConfig:
    """The whole U-Net of a miniature, six steps."""
    return smaller("unet")


@pytest.fixture(scope="session")
def low_rank() -> SdConfig:
    """Low-rank updates of a miniature's U-Net, six steps."""
    return smaller("lora")


@pytest.fixture(scope="session")
def base(field_slices: Path, small: SdConfig, tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A miniature in diffusers' layout."""
    out = tmp_path_factory.mktemp("base")
    assert small.miniature is not None
    slices = load_slices(field_slices, "train", 1)
    write_miniature(out / "sd", small.miniature, train_miniature_vae(slices, small.miniature, 5, out, None)[1], 5)
    return find_base(str(out / "sd"))


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """A config file as small as `small`."""
    text = files("brainldm.sdmri.configs").joinpath("tiny.toml").read_text(encoding="utf-8")
    changed = {
        "batch": "4", "micro_batch": "4", "steps": "4", "warmup_steps": "1", "vae_channels": "[8, 8]",
        "unet_channels": "[8, 16]", "heads": "2", "norm_groups": "4", "vae_steps": "3", "vae_batch": "4",
    }  # fmt: skip
    lines = []
    for line in text.splitlines():
        key = line.partition(" = ")[0]
        lines.append(f"{key} = {changed[key]}" if key in changed and '"' not in line else line)
    (tmp_path / "quick.toml").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "quick.toml"
