"""A monai-generative checkpoint in, outputs that monai-generative computes from it out, for `brainldm.foreign`.

    python -m brainldm.foreign_reference vae|unet CHECKPOINT --config paper --out REFERENCE.safetensors

Runs where monai-generative 0.2.3 is installed (an environment of its own: `nox -s monai_generative`).
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from braincaption.atomic import atomic_path
from brainldm.config import Config, load_config
from brainldm.foreign import State, read_state, sha256

_SIDE, _TOKENS, _TIMESTEPS = 16, 5, (10, 900)
_NORM_EPS = 1e-6


def old_vae(config: Config) -> Any:
    """Return monai-generative's AutoencoderKL of these settings."""
    nets = importlib.import_module("generative.networks.nets")
    settings = config.vae
    return nets.AutoencoderKL(
        spatial_dims=2, in_channels=1, out_channels=1, num_channels=settings.channels,
        num_res_blocks=settings.res_blocks, latent_channels=settings.latent_channels,
        norm_num_groups=settings.norm_groups, norm_eps=_NORM_EPS, attention_levels=settings.attention_levels,
        with_encoder_nonlocal_attn=settings.nonlocal_attention, with_decoder_nonlocal_attn=settings.nonlocal_attention,
    )  # fmt: skip


def old_unet(config: Config) -> Any:
    """Return monai-generative's DiffusionModelUNet of these settings."""
    nets = importlib.import_module("generative.networks.nets")
    settings, channels = config.unet, config.vae.latent_channels
    return nets.DiffusionModelUNet(
        spatial_dims=2, in_channels=channels, out_channels=channels, num_channels=settings.channels,
        num_res_blocks=settings.res_blocks, attention_levels=settings.attention_levels,
        num_head_channels=settings.head_channels, norm_num_groups=settings.norm_groups, norm_eps=_NORM_EPS,
        with_conditioning=True, cross_attention_dim=settings.text_width,
    )  # fmt: skip


@torch.no_grad()
def vae_reference(checkpoint: Path, config: Config) -> State:
    """Return fixed images with the posterior and the decoding that monai-generative gives."""
    vae = old_vae(config).eval()
    vae.load_state_dict(read_state(checkpoint))
    side = _SIDE * 2 ** (len(config.vae.channels) - 1)
    images = torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(0))
    mean, deviation = vae.encode(images)
    return {"images": images, "mean": mean, "deviation": deviation, "decoded": vae.decode(mean)}


@torch.no_grad()
def unet_reference(checkpoint: Path, config: Config) -> State:
    """Return fixed latents, timesteps and tokens with the prediction that monai-generative gives."""
    network = old_unet(config).eval()
    network.load_state_dict(read_state(checkpoint))
    chance = torch.Generator().manual_seed(0)
    latents = torch.randn(2, config.vae.latent_channels, _SIDE, _SIDE, generator=chance)
    tokens = torch.randn(2, _TOKENS, config.unet.text_width, generator=chance)
    timesteps = torch.tensor(_TIMESTEPS)
    prediction = network(latents, timesteps=timesteps, context=tokens)
    return {"latents": latents, "timesteps": timesteps, "tokens": tokens, "prediction": prediction}


def write_reference(kind: str, checkpoint: Path, config: Config, out: Path) -> None:
    """Write the outputs of a ``vae`` or ``unet`` checkpoint, with its checksum, to `out`."""
    found = vae_reference(checkpoint, config) if kind == "vae" else unet_reference(checkpoint, config)
    with atomic_path(out) as aside:
        save_file(
            {name: tensor.contiguous() for name, tensor in found.items()}, aside, {"checkpoint": sha256(checkpoint)}
        )


def main() -> None:
    """Parse the arguments and write the reference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("vae", "unet"))
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--config", required=True, help="config name or TOML file with the checkpoint's own shapes")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    write_reference(options.kind, options.checkpoint, load_config(options.config), options.out)


if __name__ == "__main__":
    main()
