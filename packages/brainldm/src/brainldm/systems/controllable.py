"""Controllable-MR: slices with captions in; a text-to-slice model, then its control branch on lines, out."""

from __future__ import annotations

import time
from dataclasses import replace

from brainldm.autoencoder import downsampling
from brainldm.controllable.settings import available, control_origins, load_control_config
from brainldm.controllable.train import train_control
from brainldm.controllable.training_lines import cached_lines
from brainldm.latents import read_latents
from brainldm.model_folder import CONFIG, read_record
from brainldm.slices import TRAIN, load_slices
from brainldm.systems import TrainingRequest, dalle_brain

SUMMARY = "text and structure to slice: a control branch on edges or labels beside a text-to-slice model (Kim et al.)"


def train(request: TrainingRequest) -> str:
    """Train the text-to-slice base to its last step, draw the lines once, then train the branch to its last step.

    The base lies in ``training/stages/base`` and is what `brain ldm train dalle-brain` would write in as many steps. A
    run cut short by `minutes`, however often, ends with the bytes of an uninterrupted one.
    """
    end = None if request.minutes is None else time.monotonic() + 60 * request.minutes
    config = load_control_config(request.config)
    stages = request.out / dalle_brain.STAGES
    base = stages / "base"
    told = dalle_brain.train_config(replace(request, out=base), config.base)
    wanted = config.base.ldm_training.steps
    if not (base / CONFIG).is_file() or read_record(base).ldm_steps < wanted:
        return f"base: {told}"
    slices = load_slices(request.data, TRAIN, downsampling(config.base.vae))
    lines = cached_lines(slices, request.data, config.control, stages / "lines")
    left = None if end is None else max(0.0, end - time.monotonic()) / 60
    latents = read_latents(base / dalle_brain.STAGES / "latents")
    done = train_control(latents, lines, base, config, request.seed, request.out, left)
    return f"{config.name}, base done, branch {done} of {config.training.steps} steps on {len(slices)} slices"


def describe() -> list[str]:
    """Return each number of the system's own configs with its origin; the base has configs of its own."""
    lines = []
    for name in available():
        config = load_control_config(name)
        lines.append(
            f"{name}: base = {config.base_name}\t# but for its steps, see `brain ldm zoo show {config.base_name}`"
        )
        for key, origin in control_origins(name).items():
            section, field = key.split(".")
            lines.append(f"{name}: {key} = {getattr(getattr(config, section), field)}\t# {origin}")
    return lines
