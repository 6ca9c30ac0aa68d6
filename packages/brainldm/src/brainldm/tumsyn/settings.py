"""A config's name or TOML file in, the settings of TUMSyn out; no default stands in code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from braincaption.errors import UsageError
from brainldm.config import from_dict, origins_in, read_document, shipped, without_origin

_PACKAGE = "brainldm.tumsyn.configs"


@dataclass(frozen=True, kw_only=True)
class VisionSettings:
    """MONAI's 3-D ViT of stage 1, and what it is shown: the volume averaged by `halving`, its middle `crop` voxels."""

    halving: int
    crop: int
    patch: int
    width: int
    layers: int
    heads: int
    mlp: int


@dataclass(frozen=True, kw_only=True)
class PromptSettings:
    """The causal text Transformer of stage 1 and its tokens."""

    tokenizer: str  # "prompts": pieces made from the training prompts; else CLIP's: a Hub name, folder or merges file
    vocabulary: int  # of a tokenizer made from prompts
    numbers: bool  # a number is one token that carries its size, instead of a string of digits
    tokens: int
    width: int
    layers: int
    heads: int
    embedding: int  # width of the space shared with volumes


@dataclass(frozen=True, kw_only=True)
class ContrastiveTraining:
    """How stage 1 is trained; the rate rises from 0 over the warm-up, then falls linearly to 0 at the last step."""

    batch: int
    steps: int
    learning_rate: float
    warmup_steps: int
    beta1: float
    beta2: float
    temperature: float  # at the start; learned
    readout: float  # weight of reading the prompt's numbers from its embedding by a line; 0: the contrastive loss alone
    forget: float  # chance that a fact is written None
    shift: int  # largest random shift of the crop, voxels
    clip_norm: float
    precision: str
    checkpoint_minutes: float


@dataclass(frozen=True, kw_only=True)
class SynthesisSettings:
    """Shape of the synthesis network of stage 2, and what it is shown."""

    bias_corrected: bool  # the scan to start from is shown without its bias field (N4)
    levels: int  # overlapping grey levels that a voxel enters as; 1: its grey value itself
    blocks: int
    channels: int
    residual_scale: float
    width: int
    heads: int
    mlp_ratio: int
    text_residual: bool  # the adapted text is added to what it attended, so that it reaches patches of one tissue too
    normalised: bool  # layer norms around the MLP; voxels that differ in brightness alone come out of them nearly alike
    coordinates: str  # "patch": of the query in the patch, -1 to 1; "voxel": from the nearest voxel's centre, ±1
    decoder: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SynthesisTraining:
    """How stage 2 is trained; the rate is constant, then halved every `halve_every` steps."""

    patch: int  # voxels a side that the encoder sees, after the drawn degradation
    scale_min: float
    scale_max: float
    native: float  # share of patches that are shown as acquired, with all their noise, whatever the scales
    from_t1w: float  # share of examples that start from T1w, where a session has it; 0: from all contrasts alike
    answers: str  # what is asked for equally often: "contrasts", or "scans", each echo time like a contrast of its own
    queries: int
    loss: str  # "mae" or "mse"
    batch: int
    steps: int
    learning_rate: float  # of Adam
    matrix_rate: float  # of Muon, for all weights but vectors and the last layer's; 0: Adam trains these too
    constant_steps: int
    halve_every: int
    forget: float
    ema_decay: float
    clip_norm: float
    precision: str
    checkpoint_minutes: float


@dataclass(frozen=True, kw_only=True)
class InferenceSettings:
    """How whole volumes are made: patches of `patch` voxels that overlap by `overlap`.

    `batch` patches are seen at once, and `queries` points of one decoded at once.
    With `mirrored`, each with left and right exchanged too: their mean is taken.
    """

    patch: int
    overlap: float
    batch: int
    mirrored: bool
    queries: int


@dataclass(frozen=True, kw_only=True)
class TumsynConfig:
    """Everything that a model is made from; one TOML file a config, each number with its origin beside it."""

    name: str
    vision: VisionSettings
    text: PromptSettings
    contrastive: ContrastiveTraining
    synthesis: SynthesisSettings
    training: SynthesisTraining
    inference: InferenceSettings


def available() -> list[str]:
    """Return the names of the configs that ship with this system."""
    return shipped(_PACKAGE)


def load_tumsyn_config(name: str) -> TumsynConfig:
    """Return the shipped config `name`, or the one in the TOML file `name`.

    Raises
    ------
    UsageError
        No such config, or a key that is missing, unknown or of the wrong kind.
    """
    document = read_document(_PACKAGE, name, "tumsyn")
    sections = {section: without_origin(table) for section, table in document.items() if isinstance(table, dict)}
    config = from_dict(TumsynConfig, {"name": Path(name).stem, **sections}, name)
    if config.synthesis.coordinates not in ("patch", "voxel"):
        raise UsageError(f"config {name}: coordinates is {config.synthesis.coordinates!r}, wanted patch or voxel")
    if config.training.loss not in ("mae", "mse"):
        raise UsageError(f"config {name}: loss is {config.training.loss!r}, wanted mae or mse")
    if config.training.answers not in ("contrasts", "scans"):
        raise UsageError(f"config {name}: answers is {config.training.answers!r}, wanted contrasts or scans")
    if config.vision.crop % config.vision.patch or config.synthesis.width % config.synthesis.heads:
        raise UsageError(f"config {name}: crop wants a multiple of the vision patch, width one of heads")
    return config


def origins(name: str) -> dict[str, str]:
    """Return where each number of a config comes from, by dotted key."""
    return origins_in(read_document(_PACKAGE, name, "tumsyn"))
