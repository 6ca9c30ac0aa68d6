"""monai-generative checkpoints in: believed when they give that package's own outputs, refused otherwise.

Where monai-generative is not installed a stand-in is: our network, its weights under the old names.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from braincaption.errors import UsageError
from brainldm import foreign
from brainldm.autoencoder import build_vae
from brainldm.config import Config, load_config
from brainldm.foreign import load_foreign_unet, load_foreign_vae, read_state, sha256
from brainldm.unet import TextUNet

LATENT = (1, 16, 16)
needs_generative = pytest.mark.skipif(
    importlib.util.find_spec("generative") is None, reason="monai-generative is not installed: nox -s monai_generative"
)


@pytest.fixture
def config() -> Config:
    """The paper's config, small: one latent channel, non-local attention in the VAE, text on two of three levels."""
    paper = load_config("paper")
    return replace(
        paper,
        vae=replace(paper.vae, channels=(8, 16, 16), norm_groups=4),
        unet=replace(paper.unet, channels=(8, 16, 16), head_channels=(0, 8, 8), norm_groups=4, text_width=12),
    )


def disturbed(network: torch.nn.Module) -> torch.nn.Module:
    """Give every weight a value of its own: zero-initialised layers would hide those behind them."""
    torch.manual_seed(1)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network.eval()


def save_old(network: torch.nn.Module, path: Path, unused: str | None = None) -> None:
    """Save a network of ours under the names of monai-generative."""
    state = {foreign._old_name(name): tensor for name, tensor in network.state_dict().items()}
    torch.save({name: tensor for name, tensor in state.items() if unused is None or unused not in name}, path)


def test_a_vae_is_believed_when_its_outputs_are_equal(config: Config, tmp_path: Path) -> None:
    vae: Any = disturbed(build_vae(config.vae))
    for name, parameter in vae.named_parameters():
        if ".attn.out_proj." in name:
            parameter.data = torch.eye(len(parameter)) if name.endswith("weight") else torch.zeros_like(parameter)
    save_old(vae, tmp_path / "vae.pt", unused=".proj_attn.")
    images = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        mean, deviation = vae.encode(images)
        known = {"images": images, "mean": mean, "deviation": deviation, "decoded": vae.decode(mean)}
    save_file(known, tmp_path / "known.safetensors", {"checkpoint": sha256(tmp_path / "vae.pt")})
    loaded = load_foreign_vae(tmp_path / "vae.pt", config.vae, tmp_path / "known.safetensors")
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), vae.parameters(), strict=True))
    known["decoded"] = known["decoded"] + 1e-3
    save_file(known, tmp_path / "known.safetensors", {"checkpoint": sha256(tmp_path / "vae.pt")})
    with pytest.raises(UsageError, match="gives another decoded here than in monai-generative"):
        load_foreign_vae(tmp_path / "vae.pt", config.vae, tmp_path / "known.safetensors")


def test_what_cannot_be_proved_is_refused(config: Config, tmp_path: Path) -> None:
    network: Any = disturbed(TextUNet(config.unet, LATENT, 12))
    path, known = tmp_path / "unet.pt", tmp_path / "known.safetensors"
    save_old(network.unet, path)
    with pytest.raises(UsageError, match="cannot be believed"):
        load_foreign_unet(path, config.unet, LATENT, known)
    save_file({"tokens": torch.zeros(1)}, known, {"checkpoint": "another"})
    with pytest.raises(UsageError, match="belongs to another checkpoint"):
        load_foreign_unet(path, config.unet, LATENT, known)
    with pytest.raises(UsageError, match="give the settings it was trained"):
        load_foreign_unet(path, replace(config.unet, res_blocks=1), LATENT, known)
    state = read_state(path)
    torch.save({name: tensor for name, tensor in state.items() if "conv_in" not in name}, path)
    with pytest.raises(UsageError, match="not there, wanted"):
        load_foreign_unet(path, config.unet, LATENT, known)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(UsageError, match="is no readable state dict"):
        read_state(path)


@needs_generative
@pytest.mark.filterwarnings("ignore::FutureWarning:generative")
@pytest.mark.parametrize("name", ["paper", "fast", "large", "tiny"])
def test_the_package_itself_gives_the_same_outputs(name: str, config: Config, tmp_path: Path) -> None:
    from brainldm.foreign_reference import old_unet, old_vae, write_reference

    own = load_config(name)
    small = replace(
        own,
        vae=replace(own.vae, channels=config.vae.channels, norm_groups=4),
        unet=replace(
            own.unet, channels=config.unet.channels, head_channels=(0, 8, 8), norm_groups=4, text_width=12,
            pooled_text=False, layout_text=False,
        ),
    )  # fmt: skip
    for kind, network in (("vae", old_vae(small)), ("unet", old_unet(small))):
        path, known = tmp_path / f"{kind}.pt", tmp_path / f"{kind}.safetensors"
        torch.save(disturbed(network).state_dict(), path)
        write_reference(kind, path, small, known)
        if kind == "vae":
            load_foreign_vae(path, small.vae, known)
        else:
            load_foreign_unet(path, small.unet, (small.vae.latent_channels, 16, 16), known)
