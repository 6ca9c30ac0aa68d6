"""A trained branch beside its base in, one model folder out and back: control.json and control.safetensors."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from brainldm.card import card_text
from brainldm.config import from_dict
from brainldm.controllable.network import ControlledUNet
from brainldm.controllable.settings import LABELS, ControlSampling, ControlSettings
from brainldm.model_folder import (
    CARD,
    CONFIG,
    NULL,
    SCHEDULER,
    TEXT,
    UNET,
    VAE,
    ModelRecord,
    checksum,
    load_weights,
    read_record,
    save_weights,
)
from brainldm.unet import TextUNet

CONTROL, WEIGHTS = "control.json", "control.safetensors"
_FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class ControlRecord:
    """What control.json holds: the branch's settings, how to draw with it, and the optimizer steps behind it."""

    name: str
    control: ControlSettings
    sampling: ControlSampling
    training: dict[str, Any]
    steps: int
    seed: int


def write_model(out: Path, base: Path, record: ControlRecord, trained: nn.Module) -> None:
    """Write the model folder of a branch: that of its base, and the branch beside it.

    Without the branch's two files the folder is the base's, and draws from text alone as that does.
    """
    for name in (CONFIG, UNET, VAE, NULL, SCHEDULER):
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(base / name, out / name)
    shutil.copytree(base / TEXT, out / TEXT, dirs_exist_ok=True)
    save_weights(out / WEIGHTS, trained)
    with atomic_path(out / CARD) as aside:
        aside.write_text(card_text(read_record(base)) + _card(record), encoding="utf-8")
    with atomic_path(out / CONTROL) as aside:
        document = {"format": _FORMAT, **asdict(record)}
        aside.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def has_branch(folder: Path) -> bool:
    """Tell whether a model folder takes masks."""
    return (folder / CONTROL).is_file()


def read_control(folder: Path) -> ControlRecord:
    """Read control.json of a model folder.

    Raises
    ------
    UsageError
        The model takes no mask, or its control.json is of another format.
    """
    path = folder / CONTROL
    if not path.is_file():
        raise UsageError(f"{folder} takes no mask (no {CONTROL}): train one with `brain ldm train controllable`")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is no valid JSON ({error}): train or import the model again") from None
    if document.pop("format", None) != _FORMAT:
        raise UsageError(f"{path} is not of format {_FORMAT}: train or import the model again with this brainldm")
    settings = document.pop("control")
    control = from_dict(ControlSettings, settings, str(path))
    sampling = from_dict(ControlSampling, document.pop("sampling"), str(path))
    return ControlRecord(control=control, sampling=sampling, **document)


def build_controlled(base: Path, record: ModelRecord, control: ControlSettings) -> ControlledUNet:
    """Return the base's U-Net with a branch that is a copy of its encoder; the lines' encoder is random."""
    assert record.text_width is not None, "a base without text"
    main = TextUNet(record.settings.unet, record.latent_shape, record.text_width)
    load_weights(base / UNET, main)
    return ControlledUNet(main, record.settings.unet, control)


def load_controlled(folder: Path) -> ControlledUNet:
    """Return the trained network of a model folder."""
    control = read_control(folder).control
    network = build_controlled(folder, read_record(folder), control)
    load_weights(folder / WEIGHTS, network.trained(control.main_trained))
    return network


def control_checksum(folder: Path) -> str:
    """Return the SHA-256 over base, branch and their settings."""
    parts = [(folder / name).read_bytes() for name in (CONTROL, WEIGHTS)]
    return hashlib.sha256(checksum(folder).encode() + b"\0".join(parts)).hexdigest()


def _card(record: ControlRecord) -> str:
    return f"""
## Structure

A control branch (Controllable-MR, Kim et al.) of {record.steps} steps makes the slice follow the lines of a mask. It
learned from {_learned_from(record.control)}. Of the main U-Net, trained beside it: {record.control.main_trained}.

`brain ldm generate "…" --mask MASK.png --out DIR --model THIS_FOLDER` draws under a mask, by default with
{record.sampling.sampler}, {record.sampling.steps} steps, guidance {record.sampling.guidance:g}.
"""


def _learned_from(settings: ControlSettings) -> str:
    edges = f"Canny edges of slices ({settings.canny_low}/{settings.canny_high})"
    return "borders of label maps" if settings.structure == LABELS else edges
