"""A config's name or TOML file in, the settings of SD-MRI out; no default stands in code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from braincaption.errors import UsageError
from brainldm.config import from_dict, origins_in, read_document, shipped, without_origin

_PACKAGE = "brainldm.sdmri.configs"
MINIATURE = "miniature"  # the base that is made here, from nothing, at the size of its settings
UNET, LORA = "unet", "lora"
_TABLES = ("input", "trained", "training", "sampling")


@dataclass(frozen=True, kw_only=True)
class InputSettings:
    """What the base is fed with."""

    size: int  # height and width of its pictures, pixels; 0: as it was trained on


@dataclass(frozen=True, kw_only=True)
class TrainedSettings:
    """What of the base learns: its whole U-Net, or low-rank updates of some layers (Hu et al. 2021)."""

    part: str  # unet or lora
    lora_rank: int
    lora_alpha: int
    lora_layers: tuple[str, ...]  # ends of the names of the layers that get an update
    gradient_checkpointing: bool


@dataclass(frozen=True, kw_only=True)
class SdTraining:
    """How it is trained; the names are those of `brainldm.config.LdmTraining`."""

    batch: int
    micro_batch: int  # slices at once on a device; the gradients of a batch are summed over as many as it takes
    steps: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    drop_text: float
    min_snr: float  # 0 weighs every timestep alike
    ema_decay: float  # 0 keeps no average
    clip_norm: float
    precision: str
    checkpoint_minutes: float


@dataclass(frozen=True, kw_only=True)
class SdSampling:
    """What `generate` uses unless told otherwise."""

    sampler: str
    steps: int
    guidance: float


@dataclass(frozen=True, kw_only=True)
class MiniatureSettings:
    """A small Stable Diffusion in the real one's layout, to stand for it: networks, and how its VAE is trained."""

    vae_channels: tuple[int, ...]
    vae_blocks: int
    latent_channels: int
    unet_channels: tuple[int, ...]
    unet_blocks: int
    heads: int
    norm_groups: int
    text_width: int
    text_layers: int
    text_heads: int
    max_tokens: int
    text_spread: float  # of the text encoder's weights, times transformers' own
    prediction: str  # epsilon or v_prediction
    vae_batch: int
    vae_steps: int
    vae_learning_rate: float
    kl_weight: float


@dataclass(frozen=True, kw_only=True)
class SdConfig:
    """Everything that an SD-MRI model is made from; `miniature` only where the config can make its own base."""

    name: str
    base: str
    input: InputSettings
    trained: TrainedSettings
    training: SdTraining
    sampling: SdSampling
    miniature: MiniatureSettings | None


def available() -> list[str]:
    """Return the names of the configs that ship with this system."""
    return shipped(_PACKAGE)


def load_sd_config(name: str) -> SdConfig:
    """Return the shipped config `name`, or the one in the TOML file `name`.

    Raises
    ------
    UsageError
        No such config, a key that is missing, unknown or of the wrong kind, or a value that means nothing.
    """
    document = read_document(_PACKAGE, name, "sd-mri")
    wanted = {"base", *_TABLES}
    if set(document) - {MINIATURE} != wanted:
        raise UsageError(f"config {name} has {', '.join(sorted(document))}, wanted {', '.join(sorted(wanted))}")
    small = without_origin(document[MINIATURE]) if MINIATURE in document else None
    made = SdConfig(
        name=Path(name).stem,
        base=str(document["base"]),
        input=from_dict(InputSettings, without_origin(document["input"]), f"{name}: input"),
        trained=from_dict(TrainedSettings, without_origin(document["trained"]), f"{name}: trained"),
        training=from_dict(SdTraining, without_origin(document["training"]), f"{name}: training"),
        sampling=from_dict(SdSampling, without_origin(document["sampling"]), f"{name}: sampling"),
        miniature=None if small is None else from_dict(MiniatureSettings, small, f"{name}: {MINIATURE}"),
    )
    if made.trained.part not in (UNET, LORA):
        raise UsageError(f"config {name}: trained.part is {made.trained.part!r}, wanted {UNET!r} or {LORA!r}")
    if made.base == MINIATURE and made.miniature is None:
        raise UsageError(f"config {name}: base is {MINIATURE!r}, but there is no table [{MINIATURE}] to make it from")
    return made


def sd_origins(name: str) -> dict[str, str]:
    """Return where each number of a config comes from, by dotted key."""
    return origins_in(read_document(_PACKAGE, name, "sd-mri"))
