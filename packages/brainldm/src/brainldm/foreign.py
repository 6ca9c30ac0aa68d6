"""A monai-generative checkpoint in, our network with its weights out, but only after it has given the same outputs.

monai-generative (archived in 2025) names some layers otherwise than MONAI, and a layer that is not found keeps its
random weights, so a checkpoint can load without a word and be wrong. Here every weight must find its place, and the
network must reproduce outputs that monai-generative itself computed from the checkpoint (`brainldm.foreign_reference`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from braincaption.errors import UsageError
from brainldm.autoencoder import build_vae
from brainldm.config import UnetSettings, VaeSettings
from brainldm.unet import TextUNet

TOLERANCE = 1e-5  # largest difference of an output; a wrong layer gives 1e-2 and more
State = dict[str, torch.Tensor]
_RENAMED = (
    (re.compile(r"\.postconv\.conv\."), ".conv.conv."),  # convolution after upsampling
    (re.compile(r"\.attn\.(to_[qkv])\."), r".\1."),  # attention without text
    (re.compile(r"\.attn\.out_proj\."), ".proj_attn."),
    (re.compile(r"\.(attn[12])\.out_proj\."), r".\1.to_out.0."),  # attention inside a transformer block
)


def load_foreign_vae(checkpoint: Path, settings: VaeSettings, reference: Path) -> nn.Module:
    """Return a VAE with the weights of a monai-generative AutoencoderKL.

    Parameters
    ----------
    checkpoint : Path
        State dict, ``.pt`` (read with ``weights_only=True``) or ``.safetensors``.
    settings : VaeSettings
    reference : Path
        What `brainldm.foreign_reference` wrote for this checkpoint.

    Raises
    ------
    UsageError
        A weight without place or a place without weight, a reference of another checkpoint, or other outputs.
    """
    vae: Any = build_vae(settings).eval()
    # monai-generative's VAE has a projection after its attention that it never applies: the identity stands for it.
    state, unused = _renamed(read_state(checkpoint), vae.state_dict(), identity=(".attn.out_proj.",))
    _check_places(checkpoint, {name for name in unused if ".proj_attn." not in name})
    vae.load_state_dict(state)
    known = _reference(checkpoint, reference)
    with torch.no_grad():
        mean, deviation = vae.encode(known["images"])
        found = {"mean": mean, "deviation": deviation, "decoded": vae.decode(known["mean"])}
    _check_equal(checkpoint, found, known)
    return vae


def load_foreign_unet(
    checkpoint: Path, settings: UnetSettings, latent_shape: tuple[int, ...], reference: Path
) -> TextUNet:
    """Return a text U-Net with the weights of a monai-generative DiffusionModelUNet; parameters as `load_foreign_vae`.

    Its text enters by cross-attention alone: ``pooled_text`` and ``layout_text`` are ours and are switched off.
    """
    plain = replace(settings, pooled_text=False, layout_text=False)
    network: Any = TextUNet(plain, latent_shape, settings.text_width).eval()
    state, unused = _renamed(read_state(checkpoint), network.unet.state_dict(), identity=())
    _check_places(checkpoint, unused)
    network.unet.load_state_dict(state)
    known = _reference(checkpoint, reference)
    mask = torch.ones(known["tokens"].shape[:2], dtype=torch.bool)
    with torch.no_grad():
        found = network(known["latents"], known["timesteps"], known["tokens"], mask, known["tokens"].mean(1))
    _check_equal(checkpoint, {"prediction": found}, known)
    return network


def read_state(checkpoint: Path) -> State:
    """Return a state dict; a pickle is read for its tensors alone and nothing in it is run."""
    try:
        if checkpoint.suffix == ".safetensors":
            return load_file(checkpoint)
        return dict(torch.load(checkpoint, map_location="cpu", weights_only=True))
    except Exception as error:  # torch and safetensors raise half a dozen kinds; all mean the same to the user
        first = " ".join(str(error).split())[:100]
        raise UsageError(f"{checkpoint} is no readable state dict ({first}): save one with torch.save") from None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _renamed(old: State, wanted: State, identity: tuple[str, ...]) -> tuple[State, set[str]]:
    """Return weights under our names, and old names that nothing asked for."""
    state, used = {}, set()
    for name, like in wanted.items():
        if any(part in name for part in identity):
            state[name] = torch.eye(len(like)) if name.endswith("weight") else torch.zeros_like(like)
            continue
        source = name if name in old else _old_name(name)
        if source not in old or old[source].shape != like.shape:
            there = "not there" if source not in old else f"of shape {tuple(old[source].shape)}"
            raise UsageError(
                f"the checkpoint's {source} is {there}, wanted {tuple(like.shape)}: give the settings it was trained "
                "with"
            )
        state[name] = old[source]
        used.add(source)
    return state, set(old) - used


def _old_name(name: str) -> str:
    for pattern, text in _RENAMED:
        name = pattern.sub(text, name)
    return name


def _check_places(checkpoint: Path, unused: set[str]) -> None:
    if unused:
        raise UsageError(
            f"{checkpoint} has {len(unused)} weights without a place, {min(unused)} first: give the settings it was "
            "trained with"
        )


def _reference(checkpoint: Path, reference: Path) -> State:
    if not reference.is_file():
        raise UsageError(
            f"{reference} is not there, and without it {checkpoint.name} cannot be believed: where monai-generative is "
            "installed, run python -m brainldm.foreign_reference"
        )
    from safetensors import safe_open

    with safe_open(reference, framework="pt") as opened:
        if (opened.metadata() or {}).get("checkpoint") != sha256(checkpoint):
            raise UsageError(f"{reference} belongs to another checkpoint than {checkpoint}: make it again")
        return {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 - it is no dict


def _check_equal(checkpoint: Path, found: State, known: State) -> None:
    for name, tensor in found.items():
        worst = float((tensor - known[name]).abs().max())
        if not worst <= TOLERANCE:
            raise UsageError(
                f"{checkpoint} gives another {name} here than in monai-generative (by up to {worst:.2g}, allowed "
                f"{TOLERANCE:g}): the settings are not its own"
            )
