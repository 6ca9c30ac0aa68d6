"""A trained SD-MRI model in, its folder out and back: diffusers' own layout with config.json and a card beside it.

Plain diffusers reads it (``StableDiffusionPipeline.from_pretrained``). Low-rank updates are merged into the U-Net, and
stand by themselves, in diffusers' layout, in ``lora/``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from braincaption.atomic import atomic_folder, atomic_path
from braincaption.errors import UsageError
from brainldm import __version__
from brainldm.config import from_dict
from brainldm.sdmri.base import PARTS, Base
from brainldm.sdmri.card import card_text, licence_files
from brainldm.sdmri.miniature import write_index
from brainldm.sdmri.network import lora_config, lora_parameters
from brainldm.sdmri.settings import LORA, SdConfig, SdSampling

RECORD, LORA_FOLDER, CARD = "config.json", "lora", "README.md"
SYSTEM = "sd-mri"
_FORMAT = 1
_PLACES = ("_name_or_path", "name_or_path")


@dataclass(frozen=True, kw_only=True)
class SdRecord:
    """What config.json holds.

    Attributes
    ----------
    name : str
        Of the config.
    base, base_checksum, base_licence : str
        What it was fine-tuned from.
    image_shape : tuple of int
        (height, width) of the slices it was trained on, which it draws.
    size : int
        Height and width of the pictures inside, pixels.
    sampling : SdSampling
    settings : dict
        ``input``, ``trained`` and ``training`` of the config.
    steps, seed : int
    sequences : tuple of str
    fields_t : tuple of float
        Field strengths of the training slices, tesla.
    data : dict
        ``slices``, ``people``, ``planes``, ``displayed_side`` and ``fingerprint`` of the training slices.
    pixel_mm : float or None
    """

    name: str
    base: str
    base_checksum: str
    base_licence: str
    image_shape: tuple[int, int]
    size: int
    sampling: SdSampling
    settings: dict[str, Any]
    steps: int
    seed: int
    sequences: tuple[str, ...]
    fields_t: tuple[float, ...]
    data: dict[str, Any]
    pixel_mm: float | None


def write_model(out: Path, base: Base, learnt: nn.Module, config: SdConfig, record: SdRecord) -> None:
    """Write the model folder; config.json comes last, so a folder that has one is whole.

    Parameters
    ----------
    out : Path
    base : Base
    learnt : nn.Module
        As `brainldm.sdmri.train.train_sd` returns it.
    config : SdConfig
    record : SdRecord
    """
    (out / RECORD).unlink(missing_ok=True)
    unet = base.load("unet")
    if config.trained.part == LORA:
        _merge(unet, learnt, config, out / LORA_FOLDER)
    else:
        unet.load_state_dict(learnt.state_dict())
    parts = {part: unet if part == "unet" else base.load(part) for part in PARTS}
    for name, part in parts.items():
        with atomic_folder(out / name) as aside:
            part.save_pretrained(aside)
            _forget_places(aside)
    for path in licence_files(base.folder):
        shutil.copyfile(path, out / path.name)
    with atomic_path(out / CARD) as aside:
        aside.write_text(card_text(record), encoding="utf-8")
    write_index(out, {name: type(part).__name__ for name, part in parts.items()})
    with atomic_path(out / RECORD) as aside:
        document = {"system": SYSTEM, "format": _FORMAT, "brainldm": __version__, **asdict(record)}
        aside.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def is_sd_model(folder: Path) -> bool:
    """Tell whether a folder is an SD-MRI model."""
    try:
        return bool(json.loads((folder / RECORD).read_text(encoding="utf-8")).get("system") == SYSTEM)
    except (OSError, ValueError, AttributeError):
        return False


def read_sd_record(folder: Path) -> SdRecord:
    """Read config.json of a model folder.

    Raises
    ------
    UsageError
        There is none of this system, or it is of another format.
    """
    path = folder / RECORD
    if not is_sd_model(folder):
        raise UsageError(f"{folder} is no SD-MRI model: train one with `brain ldm train sd-mri`")
    document = json.loads(path.read_text(encoding="utf-8"))
    if document.pop("format", None) != _FORMAT:
        raise UsageError(f"{path} is not of format {_FORMAT}: train or import the model again with this brainldm")
    for key in ("system", "brainldm"):
        document.pop(key, None)
    sampling = from_dict(SdSampling, document.pop("sampling"), str(path))
    lists = {key: tuple(value) for key, value in document.items() if isinstance(value, list)}
    return SdRecord(sampling=sampling, **{**document, **lists})


def model_checksum(folder: Path) -> str:
    """Return the SHA-256 over record and weights, which names the model whatever its folder is called."""
    digest = hashlib.sha256((folder / RECORD).read_bytes())
    for part in PARTS:
        for path in sorted((folder / part).glob("*.safetensors")):
            with path.open("rb") as handle:
                digest.update(f"{part}/{path.name}".encode() + b"\0" + hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()


def _merge(unet: Any, learnt: nn.Module, config: SdConfig, folder: Path) -> None:
    """Put low-rank updates into a U-Net's weights, and write them by themselves, in diffusers' layout."""
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft.utils import get_peft_model_state_dict

    unet.add_adapter(lora_config(config.trained))
    lora_parameters(unet).load_state_dict(learnt.state_dict())
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(unet))
    with atomic_folder(folder) as aside:
        StableDiffusionPipeline.save_lora_weights(aside, unet_lora_layers=layers)
    unet.fuse_lora()
    unet.unload_lora()


def _forget_places(folder: Path) -> None:
    """Take out of a part's settings where on this machine it was read from, which the libraries write into them."""
    for path in folder.glob("*config.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        kept = {key: value for key, value in document.items() if key not in _PLACES}
        path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
