"""A config's name or TOML file in, frozen settings of networks and training out; no default stands in code."""

from __future__ import annotations

import dataclasses
import tomllib
import types
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from braincaption.errors import UsageError

_PACKAGE = "brainldm.configs"
Settings = TypeVar("Settings")
ORIGINS = ("paper", "tutorial", "prior art", "chosen")


@dataclass(frozen=True, kw_only=True)
class VaeSettings:
    """Shape of MONAI's AutoencoderKL; the image shrinks by two between levels."""

    channels: tuple[int, ...]
    res_blocks: int
    latent_channels: int
    norm_groups: int
    attention_levels: tuple[bool, ...]
    nonlocal_attention: bool


@dataclass(frozen=True, kw_only=True)
class VaeTraining:
    """How the VAE is trained; weights multiply the loss terms, an adversarial weight of 0 leaves the critic out."""

    batch: int
    steps: int
    learning_rate: float
    warmup_steps: int
    kl_weight: float
    perceptual: str  # lpips, structural, or "lpips or structural": the first that can be had
    perceptual_weight: float
    adversarial_weight: float
    adversarial_from_step: int
    critic_channels: int
    critic_layers: int
    critic_learning_rate: float
    ema_decay: float
    clip_norm: float
    precision: str  # fp32 or bf16; bf16 is autocast, and only where a GPU does the work
    checkpoint_minutes: float


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """The built-in encoder: a BERT of this size, with a WordPiece vocabulary made from the captions."""

    width: int
    layers: int
    heads: int
    vocabulary: int
    max_tokens: int
    steps: int
    batch: int
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class UnetSettings:
    """Shape of MONAI's DiffusionModelUNet and how text enters it."""

    channels: tuple[int, ...]
    res_blocks: int
    attention_levels: tuple[bool, ...]
    head_channels: tuple[int, ...]
    norm_groups: int
    text_width: int  # width of cross-attention; another encoder width is projected to it
    pooled_text: bool  # the caption's one-vector summary is added to the time embedding
    layout_text: bool  # the summary is also drawn as extra input channels, which ties the model to one latent size


@dataclass(frozen=True, kw_only=True)
class NoiseSettings:
    """The forward process: betas over `timesteps`, and what the U-Net predicts."""

    timesteps: int
    beta_schedule: str  # diffusers' names: linear, scaled_linear, squaredcos_cap_v2
    beta_start: float
    beta_end: float
    prediction: str  # epsilon or v_prediction


@dataclass(frozen=True, kw_only=True)
class LdmTraining:
    """How the diffusion model is trained; `min_snr` of 0 weighs every timestep alike."""

    batch: int
    steps: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    drop_text: float
    caption_variants: int  # texts a caption: itself, and copies with phrases left out (see brainldm.text.augment)
    min_snr: float
    ema_decay: float
    clip_norm: float
    precision: str
    compile: bool
    checkpoint_minutes: float


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What `generate` uses unless told otherwise; saved with the model."""

    guidance: float


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that a model is made from; one TOML file a config, each number with its origin beside it."""

    name: str
    vae: VaeSettings
    vae_training: VaeTraining
    text: TextSettings
    unet: UnetSettings
    noise: NoiseSettings
    ldm_training: LdmTraining
    sampling: Sampling


def available() -> list[str]:
    """Return the names of the configs that ship with the package."""
    return shipped(_PACKAGE)


def shipped(package: str) -> list[str]:
    """Return the names of the configs that lie in `package`."""
    found = (Path(entry.name) for entry in files(package).iterdir())
    return sorted(path.stem for path in found if path.suffix == ".toml")


def load_config(name: str) -> Config:
    """Return the shipped config `name`, or the one in the TOML file `name`.

    Raises
    ------
    UsageError
        No such config, or a key that is missing, unknown or of the wrong kind.
    """
    document = read_document(_PACKAGE, name)
    sections = {section: without_origin(table) for section, table in document.items()}
    return _build(Config, {"name": Path(name).stem, **sections}, name)


def origins(name: str) -> dict[str, str]:
    """Return where each number of a config comes from, by dotted key (``unet.channels``)."""
    return origins_in(read_document(_PACKAGE, name))


def from_dict(kind: type[Settings], values: dict[str, Any], source: str) -> Settings:
    """Rebuild settings that were saved with ``dataclasses.asdict``; `source` names them in errors."""
    return _build(kind, values, source)


def read_document(package: str, name: str, system: str = "") -> dict[str, Any]:
    """Return the config `name` that ships in `package`, or the one in the TOML file `name`, as TOML has it.

    Raises
    ------
    UsageError
        No such config (of `system`, where errors should name one), or no valid TOML.
    """
    path, known = Path(name), shipped(package)
    if name in known:
        text = files(package).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    elif path.suffix == ".toml" and path.is_file():
        text = path.read_text(encoding="utf-8")
    else:
        of = f" of {system}" if system else ""
        raise UsageError(f"no config {name!r}{of}: give one of {', '.join(known)}, or a TOML file that exists")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name} is no valid TOML ({error}): repair it") from None


def without_origin(table: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers of one table of a config, without where they come from."""
    return {key: value for key, value in table.items() if key != "origin"}


def origins_in(document: dict[str, Any]) -> dict[str, str]:
    """Return where each number of a document comes from, by dotted key."""
    tables = {section: table for section, table in document.items() if isinstance(table, dict)}
    return {f"{section}.{key}": text for section, table in tables.items()
            for key, text in table.get("origin", {}).items()}  # fmt: skip


def _build(kind: type[Settings], values: dict[str, Any], source: str) -> Settings:
    hints = get_type_hints(kind)
    wanted = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if wanted != set(values):
        odd = sorted(wanted ^ set(values))
        raise UsageError(
            f"config {source}: {kind.__name__} misses or does not know {', '.join(odd)}: see configs/tiny.toml"
        )
    return kind(**{key: _value(hints[key], value, f"{source}: {key}") for key, value in values.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _build(hint, value, where)
    if get_origin(hint) is tuple:
        return tuple(_value(get_args(hint)[0], item, where) for item in value)
    if isinstance(hint, types.UnionType) or (hint is float and isinstance(value, int) and not isinstance(value, bool)):
        return value if value is None else float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise UsageError(f"config {where} is {value!r}, wanted {hint.__name__}: repair it")
    return value
