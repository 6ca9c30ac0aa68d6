"""TUMSyn: a BIDS folder of several contrasts a person in; a prompt encoder, then a synthesis network on it, out."""

from __future__ import annotations

import time
from pathlib import Path

from braincaption.failures import FailureLog
from brainldm.systems import DrawingRequest, ModelFacts, TrainingRequest
from brainldm.tumsyn.cohort import read_cohort
from brainldm.tumsyn.contrastive import train_bmlip
from brainldm.tumsyn.encoders import BMLIP, PromptEncoder, other_encoder
from brainldm.tumsyn.generate import generate as generate
from brainldm.tumsyn.model_folder import is_model, model_facts
from brainldm.tumsyn.settings import available, load_tumsyn_config, origins
from brainldm.tumsyn.train import train_synthesis
from brainldm.tumsyn.volumes import stored_volumes

SUMMARY = "volume to volume: a contrast and voxel size asked for in words, from an acquired scan (Wang et al.)"
STAGES = Path("training", "stages")


def train(request: TrainingRequest) -> str:
    """Train the prompt encoder to its last step, then the synthesis network to its last step.

    With `request.text` another than built-in there is no stage 1: ``one-hot``, or a pretrained encoder, takes its
    place. Scans that cannot be used are passed over and listed at the end. A run cut short by `minutes`, however often,
    ends with the bytes of an uninterrupted one.

    Raises
    ------
    PartialFailure
        Some scans were broken; the model is trained on the others.
    """
    end = None if request.minutes is None else time.monotonic() + 60 * request.minutes
    config = load_tumsyn_config(request.config)
    cohort = read_cohort(request.data)
    volumes = stored_volumes(
        cohort, "train", request.out / STAGES / "volumes", bias_corrected=config.synthesis.bias_corrected
    )
    failures = FailureLog(request.out, "train")
    for name, message in volumes.broken:
        failures.add(name, message)
    first, vision = 0, None
    encoder: PromptEncoder
    if request.text == BMLIP:
        first, both, encoder = train_bmlip(volumes, config, request.seed, request.out, _left(end))
        vision = both.vision
        if first < config.contrastive.steps:
            return f"stage 1, {first} of {config.contrastive.steps} steps: the same command goes on"
    else:
        encoder = other_encoder(request.text, volumes.contrasts)
    done = train_synthesis(
        volumes, encoder, config, request.seed, request.out, _left(end), vision=vision, first_stage=first,
        licences=cohort.licences,
    )  # fmt: skip
    told = f"{config.name}, {done} of {config.training.steps} steps on {len(volumes.stored)} volumes"
    failures.close()
    return told


def describe() -> list[str]:
    """Return each number of the system's configs with its origin."""
    lines = []
    for name in available():
        config = load_tumsyn_config(name)
        for key, origin in origins(name).items():
            section, field = key.split(".")
            lines.append(f"{name}: {key} = {getattr(getattr(config, section), field)}\t# {origin}")
    return lines


def owns(folder: Path) -> bool:
    """Tell whether a model folder is of this system."""
    return is_model(folder)


def facts(folder: Path) -> ModelFacts:
    """Return what the zoo lists of a model folder."""
    return model_facts(folder)


def _left(end: float | None) -> float | None:
    return None if end is None else max(0.0, end - time.monotonic()) / 60


__all__ = ["DrawingRequest", "describe", "facts", "generate", "owns", "train"]
