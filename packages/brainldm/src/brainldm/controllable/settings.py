"""A config's name or TOML file in, the settings of Controllable-MR out; no default stands in code."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from braincaption.errors import UsageError
from brainldm.config import (
    Config,
    LdmTraining,
    from_dict,
    load_config,
    origins_in,
    read_document,
    shipped,
    without_origin,
)

_PACKAGE = "brainldm.controllable.configs"
FIRST_MIDDLE_BLOCK, NOTHING = "first middle block", "nothing"
EDGES, LABELS = "edges", "labels"
CAPTION, BOTH = "caption", "caption and lines"


@dataclass(frozen=True, kw_only=True)
class ControlSettings:
    """What the branch is given, and how much of the main U-Net learns beside it."""

    structure: str  # "edges": Canny edges of the slice; "labels": borders of its label map
    canny_low: int  # thresholds of |dx| + |dy| of the 8-bit slice
    canny_high: int
    condition_channels: tuple[int, ...]  # of the lines' encoder; it halves them between entries, down to the latent
    main_trained: str  # "first middle block" or "nothing"
    other_contrast: float  # share of the slices that are learned under the lines of another contrast of their place


@dataclass(frozen=True, kw_only=True)
class ControlTraining:
    """How the branch is trained; the names are those of `brainldm.config.LdmTraining`."""

    batch: int
    steps: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    drop_text: float
    min_snr: float
    ema_decay: float
    clip_norm: float
    precision: str
    compile: bool
    checkpoint_minutes: float


@dataclass(frozen=True, kw_only=True)
class ControlSampling:
    """What `generate --mask` uses unless told otherwise."""

    sampler: str
    steps: int
    guidance: float
    guided_by: str  # "caption": away from the empty prompt under the lines; "caption and lines": away from neither


@dataclass(frozen=True, kw_only=True)
class BaseSteps:
    """For how long the base is trained, in the place of the steps of its own config."""

    vae: int
    ldm: int


@dataclass(frozen=True, kw_only=True)
class ControlConfig:
    """Everything that a controllable model is made from; `base` makes the text-to-slice model under the branch."""

    name: str
    base_name: str
    base: Config  # with `base_steps`
    base_steps: BaseSteps
    control: ControlSettings
    training: ControlTraining
    sampling: ControlSampling

    @property
    def while_controlled(self) -> Config:
        """The base's config with the branch's training, for what takes latents' batches from a config."""
        training: LdmTraining = replace(self.base.ldm_training, **asdict(self.training))
        return replace(self.base, ldm_training=training)


def available() -> list[str]:
    """Return the names of the configs that ship with this system."""
    return shipped(_PACKAGE)


def load_control_config(name: str) -> ControlConfig:
    """Return the shipped config `name`, or the one in the TOML file `name`.

    Raises
    ------
    UsageError
        No such config, a key that is missing, unknown or of the wrong kind, or an encoder of the lines that does not
        end at the latent's size.
    """
    document = read_document(_PACKAGE, name, "controllable")
    wanted = ("base", "base_steps", "control", "sampling", "training")
    if sorted(document) != sorted(wanted):
        raise UsageError(f"config {name} has {', '.join(sorted(document))}, wanted {', '.join(wanted)}")
    base_name = str(document["base"])
    base_steps = from_dict(BaseSteps, without_origin(document["base_steps"]), f"{name}: base_steps")
    made = ControlConfig(
        name=Path(name).stem,
        base_name=base_name,
        base=_trained_for(load_config(base_name), base_steps),
        base_steps=base_steps,
        control=from_dict(ControlSettings, without_origin(document["control"]), f"{name}: control"),
        training=from_dict(ControlTraining, without_origin(document["training"]), f"{name}: training"),
        sampling=from_dict(ControlSampling, without_origin(document["sampling"]), f"{name}: sampling"),
    )
    if len(made.control.condition_channels) != len(made.base.vae.channels):
        raise UsageError(
            f"config {name}: condition_channels has {len(made.control.condition_channels)} entries, but the VAE of "
            f"{base_name} halves {len(made.base.vae.channels) - 1} times: give {len(made.base.vae.channels)}"
        )
    if made.control.main_trained not in (FIRST_MIDDLE_BLOCK, NOTHING):
        raise UsageError(f"config {name}: main_trained must be {FIRST_MIDDLE_BLOCK!r} or {NOTHING!r}")
    if made.sampling.guided_by not in (CAPTION, BOTH):
        raise UsageError(f"config {name}: guided_by must be {CAPTION!r} or {BOTH!r}")
    if made.control.structure not in (EDGES, LABELS):
        raise UsageError(f"config {name}: structure must be {EDGES!r} or {LABELS!r}")
    return made


def control_origins(name: str) -> dict[str, str]:
    """Return where each number of a config comes from, by dotted key."""
    return origins_in(read_document(_PACKAGE, name, "controllable"))


def _trained_for(base: Config, steps: BaseSteps) -> Config:
    vae, ldm = replace(base.vae_training, steps=steps.vae), replace(base.ldm_training, steps=steps.ldm)
    return replace(base, vae_training=vae, ldm_training=ldm)
