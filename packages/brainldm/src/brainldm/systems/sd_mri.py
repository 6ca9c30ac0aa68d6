"""SD-MRI: slices with contrast and field strength in; a Stable Diffusion, fine-tuned to draw them, out."""

from __future__ import annotations

import time
from pathlib import Path

from braincaption.errors import UsageError
from brainldm.controllable.generate import each_sequence
from brainldm.device import make_accelerator
from brainldm.generate import SamplerSettings
from brainldm.generate import generate as draw
from brainldm.prompts import requests
from brainldm.sdmri.base import INDEX, Base, find_base
from brainldm.sdmri.card import licence_of
from brainldm.sdmri.generate import SdGenerator
from brainldm.sdmri.latents import cached_latents
from brainldm.sdmri.miniature import write_miniature
from brainldm.sdmri.miniature_vae import train_miniature_vae
from brainldm.sdmri.model_folder import SdRecord, is_sd_model, model_checksum, read_sd_record, write_model
from brainldm.sdmri.settings import MINIATURE, SdConfig, available, load_sd_config, sd_origins
from brainldm.sdmri.train import train_sd
from brainldm.slices import TRAIN, Slices, load_slices
from brainldm.systems import DrawingRequest, ModelFacts, TrainingRequest
from brainldm.systems.dalle_brain import STAGES
from brainldm.train_vae import describe_data

SUMMARY = "text to slice by contrast and field strength: a Stable Diffusion, fine-tuned (Fan, Lyu)"
TAKES_BASE = True
_ANY_SIZE = 1  # pictures are resized to the base's
_BUILT_IN = "built-in"


def train(request: TrainingRequest) -> str:
    """Find the base, or make the miniature that stands for one, encode the slices once, then train to the last step.

    A run cut short by `minutes`, however often, ends with the bytes of an uninterrupted one.
    """
    if request.text != _BUILT_IN:
        raise UsageError(f"sd-mri reads prompts with its base's own text encoder: leave --text {request.text} out")
    end = None if request.minutes is None else time.monotonic() + 60 * request.minutes
    config = load_sd_config(request.config)
    stages = request.out / STAGES
    slices = load_slices(request.data, TRAIN, _ANY_SIZE)
    base_name = request.base or config.base
    accelerator = make_accelerator(config.training.precision)
    with accelerator.main_process_first():  # the others find it done
        if base_name == MINIATURE:
            told = _make_miniature(slices, config, request.seed, stages / "base", _left(end))
            if told:
                return told
        base = find_base(str(stages / "base") if base_name == MINIATURE else base_name)
        size = config.input.size or base.size
        latents = cached_latents(slices, base, size, stages / "latents")
    done, learnt = train_sd(latents, base, config, request.seed, request.out, _left(end))
    named = MINIATURE if base_name == MINIATURE else base.name
    if accelerator.is_main_process:
        write_model(request.out, base, learnt, config, _record(slices, base, named, config, size, request.seed, done))
    return f"{config.name} on {named}, {done} of {config.training.steps} steps on {len(slices)} slices"


def describe() -> list[str]:
    """Return each number of the system's own configs with its origin."""
    lines = []
    for name in available():
        config = load_sd_config(name)
        lines.append(f"{name}: base = {config.base}\t# or any other with --base")
        for key, origin in sd_origins(name).items():
            section, field = key.split(".")
            lines.append(f"{name}: {key} = {getattr(getattr(config, section), field)}\t# {origin}")
    return lines


def owns(folder: Path) -> bool:
    """Tell whether a model folder is one of this system."""
    return is_sd_model(folder)


def facts(folder: Path) -> ModelFacts:
    """Return what `brain ldm zoo list` says of a model folder."""
    record = read_sd_record(folder)
    size = "×".join(str(length) for length in record.image_shape)
    return ModelFacts(size=size, sequences=record.sequences, checksum=model_checksum(folder))


def generate(request: DrawingRequest) -> str:
    """Draw slices from a prompt, or from a table by what its rows say: plane, contrast and field strength."""
    given = request.options
    if request.image is not None or request.zooms is not None or given["mask"] is not None:
        raise UsageError(f"{request.folder} draws slices from text alone: leave --image, --zooms and --mask out")
    from_table = request.prompt.endswith(".parquet") or Path(request.prompt).is_dir()
    model = SdGenerator(request.folder, from_table)
    sequences, usual = model.record.sequences, model.record.sampling
    texts = each_sequence(request.prompt, sequences)
    wanted = [one for text in texts for one in requests(text, given["n"], given["seed"], sequences)]
    how = SamplerSettings(
        steps=given["steps"] or usual.steps,
        sampler=given["sampler"] or usual.sampler,
        guidance=usual.guidance if given["guidance"] is None else given["guidance"],
        negative=given["negative"],
    )
    drawn = draw(model, wanted, how, request.out)
    if given["nifti"]:
        from brainldm.niftislice import write_nifti_slices

        write_nifti_slices(request.out)
    return f"{drawn} slices drawn with {model.name}"


def _make_miniature(slices: Slices, config: SdConfig, seed: int, folder: Path, minutes: float | None) -> str | None:
    """Make the miniature base where it is not there yet; return what to tell while its VAE is unfinished."""
    if config.miniature is None:
        raise UsageError(f"config {config.name} has no table [{MINIATURE}] to make a base from: give one with --base")
    done, vae = train_miniature_vae(slices, config.miniature, seed, folder.parent / "vae", minutes)
    if done < config.miniature.vae_steps:
        return f"VAE of the miniature, {done} of {config.miniature.vae_steps} steps: the same command goes on"
    if not (folder / INDEX).is_file():
        write_miniature(folder, config.miniature, vae, seed)
    return None


def _record(slices: Slices, base: Base, named: str, config: SdConfig, size: int, seed: int, done: int) -> SdRecord:
    table = slices.table
    pixels = table["pixel_mm"].dropna().unique()
    height, width = slices.pictures.shape[1:]
    return SdRecord(
        name=config.name,
        base=named,
        base_checksum=base.checksum,
        base_licence=licence_of(base.folder, base.name),
        image_shape=(height, width),
        size=size,
        sampling=config.sampling,
        settings={part: getattr(config, part).__dict__ for part in ("input", "trained", "training")},
        steps=done,
        seed=seed,
        sequences=tuple(sorted(table["sequence"].dropna().unique())),
        fields_t=tuple(sorted({round(float(one), 4) for one in table["field_strength_t"].dropna()})),
        data=describe_data(slices),
        pixel_mm=float(pixels[0]) if len(pixels) == 1 else None,
    )


def _left(end: float | None) -> float | None:
    return None if end is None else max(0.0, end - time.monotonic()) / 60
