"""Slices in: the VAE learns, resumes to the last bit, and its folder says how it was trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from brainldm.autoencoder import build_vae
from brainldm.config import Config, available, load_config
from brainldm.losses import Adversarial, build_critic, kl_divergence
from brainldm.model_folder import load_vae, read_record
from brainldm.slices import Slices, load_slices, to_float
from brainldm.train_vae import CHECKPOINT, METRICS, train_vae


def small(**changes: object) -> Config:
    config = load_config("tiny")
    return replace(config, vae_training=replace(config.vae_training, **{"batch": 4, **changes}))


@pytest.fixture
def slices(slice_folder: Path) -> tuple[Slices, Slices]:
    return load_slices(slice_folder, "train", 4), load_slices(slice_folder, "validation", 4)


def test_it_learns_and_says_how_well(slices: tuple[Slices, Slices], tmp_path: Path) -> None:
    assert train_vae(*slices, small(steps=60), 0, tmp_path / "vae", None) == 60
    told = json.loads((tmp_path / "vae" / METRICS).read_text())["mean_absolute_error"]
    empty = float(np.mean(slices[1].pictures) / 255)  # the error of drawing nothing
    assert told["validation"] < 0.4 * empty
    vae, record = load_vae(tmp_path / "vae")
    images = to_float(slices[1].pictures)
    assert float((vae.reconstruct(images) - images).abs().mean()) == pytest.approx(told["validation"], abs=1e-5)
    assert record.latent_shape == (4, 8, 8)
    assert record.data["people"] == 3
    assert record.scale_factor is None


def test_resumed_equals_uninterrupted_to_the_last_bit_with_the_critic_on(
    slices: tuple[Slices, Slices], tmp_path: Path
) -> None:
    config = small(steps=6, adversarial_weight=0.1, adversarial_from_step=2)
    train_vae(*slices, config, 1, tmp_path / "whole", None)
    train_vae(*slices, config, 1, tmp_path / "parts", 0)
    from brainldm import train_vae as module

    class Counted(module.Pace):
        left = 3

        @property
        def is_over(self) -> bool:
            Counted.left -= 1
            return Counted.left < 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Pace", Counted)
        assert train_vae(*slices, config, 1, tmp_path / "parts", None) == 3
    train_vae(*slices, config, 1, tmp_path / "parts", None)
    whole, parts = load_file(tmp_path / "whole" / CHECKPOINT), load_file(tmp_path / "parts" / CHECKPOINT)
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    moved = load_file(tmp_path / "whole" / CHECKPOINT)
    fresh = build_vae(config.vae).state_dict()
    assert any(key.startswith("critic_optimizer/") for key in moved)
    assert fresh.keys() == {key.removeprefix("vae/") for key in moved if key.startswith("vae/")}


def test_the_folder_says_its_settings(slices: tuple[Slices, Slices], tmp_path: Path) -> None:
    config = small(steps=1)
    train_vae(*slices, config, 5, tmp_path / "vae", None)
    record = read_record(tmp_path / "vae")
    assert record.settings == config
    assert (record.seed, record.vae_steps, record.ldm_steps) == (5, 1, 0)
    assert record.sequences == ("FLAIR", "T1w", "T2w")


@pytest.mark.parametrize("name", available())
def test_every_parameter_of_vae_and_critic_has_a_gradient(name: str) -> None:
    config = load_config(name)
    levels = len(config.vae.channels)
    vae = build_vae(replace(config.vae, channels=(8, 16, 16)[:levels], norm_groups=4))
    critic = build_critic(replace(config.vae_training, critic_channels=4))
    torch.manual_seed(0)
    learned: set[str] = set()
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)
    for _ in range(3):
        optimizer.zero_grad()
        images = torch.rand(2, 1, 32, 32)
        mean, deviation = vae.encode(images)  # type: ignore[operator]
        made = vae.decode(mean + deviation * torch.randn_like(mean))  # type: ignore[operator]
        loss = (made - images).abs().mean() + 1e-6 * kl_divergence(mean, deviation)
        (loss + Adversarial().critic(critic, images, made)).backward()
        both = [*vae.named_parameters(), *critic.named_parameters()]
        learned |= {name for name, p in both if p.grad is not None and p.grad.abs().max() > 0}
        optimizer.step()
    assert {name for name, _ in both} - learned == set()
