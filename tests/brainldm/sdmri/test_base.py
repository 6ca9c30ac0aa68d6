"""What is taken for a base and what is refused, with what to do; and the real one's shapes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from braincaption.errors import UsageError
from brainldm.sdmri.base import Base, find_base
from brainldm.sdmri.card import licence_of
from brainldm.sdmri.network import make_trainable
from brainldm.sdmri.real_shapes import count, forward_shapes, real_text_encoder, real_unet, real_vae
from brainldm.sdmri.settings import load_sd_config

UNET = Path("unet", "diffusion_pytorch_model.safetensors")


@pytest.fixture
def copy(base: Base, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base.folder, tmp_path / "sd"))


def edit(path: Path, **changed: Any) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, **changed}), encoding="utf-8")


def test_a_base_is_described_by_its_own_files(base: Base, copy: Path) -> None:
    assert base.size == 16
    assert (base.noise.beta_schedule, base.noise.beta_start, base.noise.prediction) == (
        "scaled_linear", 0.00085, "v_prediction",
    )  # fmt: skip
    edit(copy / "scheduler" / "scheduler_config.json", prediction_type="epsilon")
    assert find_base(str(copy)).noise.prediction == "epsilon"
    assert find_base(str(copy)).checksum != base.checksum


def test_half_precision_weights_are_read_where_there_are_no_others(copy: Path) -> None:
    whole = load_file(copy / UNET)
    (copy / UNET).unlink()
    save_file({key: value.half() for key, value in whole.items()}, copy / "unet" / "diffusion_pytorch_model.fp16.safetensors", metadata={"format": "pt"})  # fmt: skip  # noqa: E501
    unet = find_base(str(copy)).load("unet")
    assert unet.conv_in.weight.dtype == torch.float32
    assert torch.allclose(unet.conv_in.weight, whole["conv_in.weight"], atol=1e-3)


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / UNET), folder / "unet" / "diffusion_pytorch_model.bin")
    (folder / UNET).unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (pickled, r"as a pickle only \(diffusion_pytorch_model.bin\).*save_pretrained"),
        (lambda f: (f / UNET).unlink(), "has no weights"),
        (lambda f: (f / "model_index.json").unlink(), "no Stable Diffusion in diffusers' layout"),
        (lambda f: shutil.rmtree(f / "vae"), "has no vae: wanted unet, vae"),
        (lambda f: edit(f / "unet" / "config.json", in_channels=9), "takes 9 channels, its VAE gives 4"),
        (lambda f: edit(f / "unet" / "config.json", cross_attention_dim=2048), "wants text of width 2048"),
        (lambda f: edit(f / "unet" / "config.json", _class_name="SD3Transformer2DModel"), "is a SD3Transformer2DModel"),
        (lambda f: (f / "vae" / "config.json").write_text("{"), "vae of the base has no readable config.json"),
        (lambda f: edit(f / "scheduler" / "scheduler_config.json", trained_betas=[0.1]), "has trained_betas"),
        (lambda f: edit(f / "scheduler" / "scheduler_config.json", prediction_type="sample"), "prediction_type sample"),
    ],
)
def test_what_is_no_base_is_refused_with_the_remedy(copy: Path, spoil: Any, said: str) -> None:
    spoil(copy)
    with pytest.raises(UsageError, match=said):
        find_base(str(copy))


def test_a_damaged_file_is_told_when_it_is_read(copy: Path) -> None:
    (copy / UNET).write_bytes(b"damaged")
    with pytest.raises(UsageError, match="unet of base sd does not load"):
        find_base(str(copy)).load("unet")


def test_a_name_that_is_not_in_the_cache_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="nothing is downloaded unasked: fetch it once with `hf download me/sd"):
        find_base("me/sd")
    with pytest.raises(UsageError, match="neither a folder nor in the Hub's local cache"):
        find_base(str(tmp_path / "no" / "such" / "folder"))


def test_a_name_in_the_cache_is_found(base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    repository = tmp_path / "models--me--sd"
    shutil.copytree(base.folder, repository / "snapshots" / "0123")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    found = find_base("me/sd")
    assert (found.name, found.checksum) == ("me/sd", base.checksum)


def test_the_licence_is_the_bases(base: Base, tmp_path: Path) -> None:
    assert licence_of(base.folder, base.name) == "apache-2.0"
    assert licence_of(tmp_path, "stable-diffusion-v1-5/stable-diffusion-v1-5") == "creativeml-openrail-m"
    assert licence_of(tmp_path, "sd") == "unknown"


def test_the_real_one_has_its_published_shapes() -> None:
    assert (count(real_unet()), count(real_vae()), count(real_text_encoder())) == (859520964, 83653863, 123060480)
    assert forward_shapes() == {
        "latent": (4, 64, 64), "text": (77, 768), "prediction": (4, 64, 64), "picture": (3, 512, 512),
    }  # fmt: skip


def test_low_rank_updates_of_the_real_one_are_a_few_million() -> None:
    settings = load_sd_config("paper").trained
    with torch.device("meta"):
        unet = real_unet()
        from dataclasses import replace

        learning = make_trainable(unet, replace(settings, part="lora"))
    assert count(learning) == 3188736
    assert sum(one.numel() for one in unet.parameters() if one.requires_grad) == 3188736
