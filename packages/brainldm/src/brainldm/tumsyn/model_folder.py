"""A trained system in, its model folder out and back: tumsyn.json, safetensors, the prompt encoder, README.md."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from brainldm import __version__
from brainldm.config import from_dict
from brainldm.model_folder import CARD, CONFIG, load_weights, save_weights
from brainldm.systems import ModelFacts
from brainldm.tumsyn.encoders import PromptEncoder, load_prompt_encoder
from brainldm.tumsyn.facts import Ranges
from brainldm.tumsyn.network import Synthesis
from brainldm.tumsyn.settings import InferenceSettings, SynthesisSettings

SYSTEM = "tumsyn"
SYNTHESIS, VISION, PROMPTS = "synthesis.safetensors", "vision.safetensors", "text"
_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class TumsynRecord:
    """What config.json holds.

    Attributes
    ----------
    name : str
        Of the config.
    synthesis, inference
        Settings that inference needs.
    text : str
        Name of the prompt encoder.
    contrasts, makers : tuple of str
        What a prompt may name.
    zooms : tuple of tuple of float
        Voxel sizes trained on, mm.
    trained : dict
        Least, median and most of each fact by contrast, see `brainldm.tumsyn.facts.within`.
    config : dict
        All settings, stage 1 included.
    steps : dict of str to int
        Optimizer steps of each stage.
    seed : int
    data : dict
        volumes, people, fingerprint and licences of the training scans.
    """

    name: str
    synthesis: SynthesisSettings
    inference: InferenceSettings
    text: str
    contrasts: tuple[str, ...]
    makers: tuple[str, ...]
    zooms: tuple[tuple[float, ...], ...]
    trained: Ranges
    config: dict[str, Any]
    steps: dict[str, int]
    seed: int
    data: dict[str, Any]


def write_model(
    out: Path, record: TumsynRecord, network: nn.Module, encoder: PromptEncoder, vision: nn.Module | None
) -> None:
    """Write a model folder; config.json comes last, so a folder that has one is whole. `vision` is that of stage 1."""
    out.mkdir(parents=True, exist_ok=True)
    save_weights(out / SYNTHESIS, network)
    if vision is not None:
        save_weights(out / VISION, vision)
    encoder.save(out / PROMPTS)
    with atomic_path(out / CARD) as aside:
        aside.write_text(card_text(record), encoding="utf-8")
    document = {"format": _FORMAT, "system": SYSTEM, "brainldm": __version__, **asdict(record)}
    with atomic_path(out / CONFIG) as aside:
        aside.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def is_model(folder: Path) -> bool:
    """Tell whether a folder holds a model of this system."""
    try:
        document = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("system") == SYSTEM


def read_model_record(folder: Path) -> TumsynRecord:
    """Read config.json; UsageError where the folder is no model of this system or of another format."""
    if not is_model(folder):
        raise UsageError(f"{folder} is no model of tumsyn: give what `brain ldm train tumsyn` wrote")
    document = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if document.pop("format", None) != _FORMAT:
        raise UsageError(f"{folder} is not of format {_FORMAT}: train or import the model again with this brainldm")
    return TumsynRecord(
        synthesis=from_dict(SynthesisSettings, document["synthesis"], str(folder)),
        inference=from_dict(InferenceSettings, document["inference"], str(folder)),
        contrasts=tuple(document["contrasts"]),
        makers=tuple(document["makers"]),
        zooms=tuple(tuple(zooms) for zooms in document["zooms"]),
        trained=_ranges(document.get("trained", {})),  # nothing is known of it in a folder written before there was any
        **{key: document[key] for key in ("name", "text", "config", "steps", "seed", "data")},
    )


def _ranges(document: dict[str, dict[str, list[float]]]) -> Ranges:
    return {
        contrast: {key: (least, median, most) for key, (least, median, most) in facts.items()}
        for contrast, facts in document.items()
    }


def load_model(folder: Path) -> tuple[TumsynRecord, Synthesis, PromptEncoder]:
    """Return record, network and prompt encoder of a model folder, frozen."""
    record = read_model_record(folder)
    encoder = load_prompt_encoder(folder / PROMPTS)
    network = Synthesis(record.synthesis, encoder.width)
    load_weights(folder / SYNTHESIS, network)
    return record, network.eval().requires_grad_(False), encoder


def model_checksum(folder: Path) -> str:
    """Return the SHA-256 over settings and weights, which names the model whatever its folder is called."""
    digest = hashlib.sha256()
    for path in (folder / CONFIG, folder / SYNTHESIS, *sorted((folder / PROMPTS).rglob("*"))):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def model_facts(folder: Path) -> ModelFacts:
    """Return what the zoo lists of a model folder."""
    record = read_model_record(folder)
    sizes = ", ".join("×".join(f"{zoom:g}" for zoom in zooms) + " mm" for zooms in record.zooms)
    return ModelFacts(size=f"volumes, {sizes}", sequences=record.contrasts, checksum=model_checksum(folder))


def card_text(record: TumsynRecord) -> str:
    """Return the model card as Markdown, with the front matter that the Hub reads."""
    sizes = ", ".join(" × ".join(f"{zoom:g}" for zoom in zooms) for zooms in record.zooms)
    shape = record.synthesis
    steps = ", ".join(f"{stage} {count}" for stage, count in sorted(record.steps.items()))
    return f"""---
library_name: brainldm
license: other
license_name: {"-".join(record.data["licences"]) or "unknown"}
tags: [mri, brain, image-to-image, super-resolution]
---
# brainldm {record.name} (TUMSyn)

Makes a brain MRI volume of the contrast and voxel size that a prompt asks for, from a scan of another contrast (Wang
et al.). For research on synthetic data: not for diagnosis. What it makes is a guess from the scan given; a lesion that
this does not show cannot appear, and one that it shows may vanish.

| | |
| --- | --- |
| training scans | {record.data["volumes"]} of {record.data["people"]} people; {", ".join(record.contrasts)} |
| licence of the training scans | {", ".join(record.data["licences"])}; the weights are under the same terms |
| voxel sizes, mm | {sizes} |
| prompt encoder | {record.text}, in `text/` |
| synthesis network | {shape.blocks} blocks of {shape.channels} channels, width {shape.width} |
| steps | {steps} |
| seed | {record.seed} |

`brain ldm generate "T2w, TE 95 ms" --image T1w.nii.gz --out DIR --model THIS_FOLDER` makes a volume with it.
"""
