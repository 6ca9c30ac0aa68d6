"""A trained model in, its folder out and back: config.json, safetensors, scheduler.json, text encoder, README.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from brainldm import __version__
from brainldm.autoencoder import build_vae
from brainldm.config import Config, from_dict

CONFIG, VAE, UNET, NULL, SCHEDULER, TEXT, CARD = (
    "config.json", "vae.safetensors", "unet.safetensors", "null.safetensors", "scheduler.json", "text", "README.md",
)  # fmt: skip
_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """What config.json holds: settings, shapes and where the weights come from.

    Attributes
    ----------
    settings : Config
    image_shape : tuple of int
        (height, width) of the slices, pixels.
    latent_shape : tuple of int
        (channels, height, width) of a latent.
    seed : int
    vae_steps, ldm_steps : int
        Optimizer steps behind the weights; ``ldm_steps`` is 0 in a folder that holds a VAE alone.
    scale_factor : float or None
        Latents are multiplied by this before diffusion: 1 / standard deviation over the training set.
    text : str or None
        Name of the text encoder in ``text/``.
    text_width : int or None
        Width of its token embeddings.
    sequences : tuple of str
        Sequences of the training slices.
    data : dict
        ``slices``, ``people``, ``planes``, ``displayed_side`` and ``fingerprint`` of the training slices.
    pixel_mm : float or None
        Pixel size of the training slices where it is one.
    """

    settings: Config
    image_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]
    seed: int
    vae_steps: int
    ldm_steps: int
    scale_factor: float | None
    text: str | None
    text_width: int | None
    sequences: tuple[str, ...]
    data: dict[str, Any]
    pixel_mm: float | None


def write_record(folder: Path, record: ModelRecord) -> None:
    """Write config.json; it comes last, so a folder that has one is whole."""
    document = {"format": _FORMAT, "brainldm": __version__, **asdict(record)}
    with atomic_path(folder / CONFIG) as aside:
        aside.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_record(folder: Path) -> ModelRecord:
    """Read config.json of a model folder.

    Raises
    ------
    UsageError
        No such folder, no config.json in it, or one of another format.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise UsageError(
            f"{folder} is no model folder (no {CONFIG}): give what `brain ldm train-vae` or `train-ldm` wrote"
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is no valid JSON ({error}): train or import the model again") from None
    if "system" in document:
        raise UsageError(
            f"{folder} is a model of the system {document['system']}: this works on models of dalle-brain and "
            "controllable alone"
        )
    if document.pop("format", None) != _FORMAT:
        raise UsageError(f"{path} is not of format {_FORMAT}: train or import the model again with this brainldm")
    document.pop("brainldm", None)
    data = document.pop("data")
    return ModelRecord(**_record_fields(document, str(path)), data=data)


def _record_fields(document: dict[str, Any], source: str) -> dict[str, Any]:
    settings = from_dict(Config, document.pop("settings"), source)
    lists = {key: tuple(value) for key, value in document.items() if isinstance(value, list)}
    return {**document, **lists, "settings": settings}


def save_weights(path: Path, network: nn.Module | Mapping[str, torch.Tensor]) -> None:
    """Write weights as float32 safetensors."""
    state = network.state_dict() if isinstance(network, nn.Module) else network
    with atomic_path(path) as aside:
        save_file({key: tensor.detach().cpu().contiguous().clone() for key, tensor in state.items()}, aside)


def load_weights(path: Path, network: nn.Module) -> None:
    """Load weights into `network`, every key matched.

    Raises
    ------
    UsageError
        Missing or damaged file, or weights of another shape.
    """
    try:
        network.load_state_dict(load_file(path))
    except Exception as error:  # safetensors and torch raise half a dozen kinds; all mean the same to the user
        first = " ".join(str(error).split())[:120]
        raise UsageError(f"{path} does not load ({first}): train, import or fetch the model again") from None


def load_vae(folder: Path) -> tuple[nn.Module, ModelRecord]:
    """Return the VAE of a model folder, frozen, and the folder's record."""
    record = read_record(folder)
    vae = build_vae(record.settings.vae)
    load_weights(folder / VAE, vae)
    return vae.eval().requires_grad_(False), record


def checksum(folder: Path) -> str:
    """Return the SHA-256 over the model's weights and settings, which names it whatever its folder is called."""
    digest = hashlib.sha256()
    for name in (CONFIG, NULL, UNET, VAE):
        path = folder / name
        if path.is_file():
            digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
