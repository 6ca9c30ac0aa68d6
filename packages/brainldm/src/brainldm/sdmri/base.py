"""The name or folder of a Stable Diffusion in, its checked folder and its parts out; nothing is downloaded.

Wanted is diffusers' layout of a v1.x model: model_index.json, and beside it unet, vae, text_encoder, tokenizer and
scheduler, weights as safetensors. A safety checker and what it needs are not read: it was made for photographs.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from braincaption.errors import UsageError
from brainldm.config import NoiseSettings

INDEX = "model_index.json"
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
_CLASSES = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel"}
_WEIGHTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}
_PICKLES = (".bin", ".pt", ".ckpt", ".pth")
_WANTED = ("*.json", "*.safetensors", "*.txt", "*.md", "LICENSE*")


@dataclass(frozen=True, kw_only=True)
class Base:
    """A Stable Diffusion on disk, checked.

    Attributes
    ----------
    name : str
        As the user gave it; of a folder its last part.
    folder : Path
    variants : dict of str to str
        By part: what stands between the weights' name and their ending, such as fp16; empty for the plain ones.
    noise : NoiseSettings
        The forward process that the scheduler's config describes.
    size : int
        Height and width of the pictures it was trained on, pixels.
    """

    name: str
    folder: Path
    variants: dict[str, str]
    noise: NoiseSettings
    size: int

    @property
    def checksum(self) -> str:
        """SHA-256 over the weights and configs of its parts."""
        digest = hashlib.sha256()
        for part in PARTS:
            for path in sorted((self.folder / part).iterdir()):
                if path.suffix in (".json", ".safetensors", ".txt"):
                    digest.update(f"{part}/{path.name}".encode() + b"\0" + _sha256(path))
        return digest.hexdigest()

    def load(self, part: str) -> Any:
        """Return the network, tokenizer or scheduler `part`, networks in float32 and in evaluation mode."""
        import diffusers
        import transformers

        transformers.utils.logging.disable_progress_bar()
        known = {"unet": diffusers.UNet2DConditionModel, "vae": diffusers.AutoencoderKL,
                 "text_encoder": transformers.CLIPTextModel, "tokenizer": transformers.CLIPTokenizer}  # fmt: skip
        options: dict[str, Any] = {"local_files_only": True}
        if part in _WEIGHTS:
            options |= {"use_safetensors": True, "variant": self.variants[part] or None}
        reader: Any = known[part] if part in known else getattr(diffusers, _read(self.folder, part)["_class_name"])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions and of settings that a newer library names otherwise
                found = reader.from_pretrained(self.folder / part, **options)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            first = " ".join(str(error).split())[:120]
            raise UsageError(f"{part} of base {self.name} does not load ({first}): fetch it again") from None
        return found.float().eval().requires_grad_(False) if part in _WEIGHTS else found


def find_base(source: str) -> Base:
    """Return the base that a user named, checked as far as its files' names and configs tell.

    Parameters
    ----------
    source : str
        A folder in diffusers' layout, or the name of a Hub repository that is in the local cache.

    Raises
    ------
    UsageError
        Neither of the two, another layout, weights as pickles only, or parts that do not fit each other.
    """
    folder = Path(source) if Path(source).is_dir() else _cached(source)
    name = folder.resolve().name if Path(source).is_dir() else source
    _check_layout(folder, source)
    variants = {part: _variant(folder / part, stem, source) for part, stem in _WEIGHTS.items()}
    unet, vae, text = (_read(folder, part) for part in ("unet", "vae", "text_encoder"))
    if unet.get("in_channels") != vae.get("latent_channels"):
        raise UsageError(
            f"the U-Net of base {source} takes {unet.get('in_channels')} channels, its VAE gives "
            f"{vae.get('latent_channels')}: give a text-to-image model, not one for inpainting or upscaling"
        )
    if unet.get("cross_attention_dim") != text.get("hidden_size"):
        raise UsageError(
            f"the U-Net of base {source} wants text of width {unet.get('cross_attention_dim')}, its text encoder gives "
            f"{text.get('hidden_size')}: give a whole Stable Diffusion v1 or v2"
        )
    size = int(unet["sample_size"]) * 2 ** (len(vae["block_out_channels"]) - 1)
    return Base(name=name, folder=folder, variants=variants, noise=_noise(folder, source), size=size)


def _cached(source: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source, local_files_only=True, allow_patterns=list(_WANTED)))
    except (LocalEntryNotFoundError, HFValidationError, OSError, ValueError):
        raise UsageError(
            f"base {source!r} is neither a folder nor in the Hub's local cache, and nothing is downloaded unasked: "
            f"fetch it once with `hf download {source} --include '*.json' '*.txt' '*.safetensors'`, or give a folder "
            "with --base"
        ) from None


def _check_layout(folder: Path, source: str) -> None:
    if not (folder / INDEX).is_file():
        raise UsageError(
            f"base {source} is no Stable Diffusion in diffusers' layout (no {INDEX}): give a folder that "
            "`StableDiffusionPipeline.save_pretrained` wrote"
        )
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing:
        raise UsageError(f"base {source} has no {', '.join(missing)}: wanted {', '.join(PARTS)}; fetch it whole")
    for part, wanted in _CLASSES.items():
        document = _read(folder, part)
        found = document.get("_class_name") or (document.get("architectures") or [wanted])[0]
        if found != wanted:
            raise UsageError(f"{part} of base {source} is a {found}, wanted {wanted}: give a Stable Diffusion v1 or v2")


def _read(folder: Path, part: str) -> dict[str, Any]:
    path = folder / part / ("scheduler_config.json" if part == "scheduler" else "config.json")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        first = " ".join(str(error).split())[:100]
        raise UsageError(f"{part} of the base has no readable {path.name} ({first}): fetch it again") from None
    return dict(document)


def _variant(folder: Path, stem: str, source: str) -> str:
    """Return the variant of the weights to read: the plain ones, else half precision, which is read as float32."""
    for variant in ("", "fp16"):
        dotted = f"{stem}.{variant}" if variant else stem
        if any(folder.glob(f"{dotted}.safetensors")) or any(folder.glob(f"{dotted}.safetensors.index*.json")):
            return variant
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    if pickled:
        raise UsageError(
            f"{folder.name} of base {source} has its weights as a pickle only ({pickled[0]}), which can run code when "
            "it is read: fetch the safetensors (`hf download NAME --include '*.safetensors'`), or, if you trust where "
            "it comes from, save it anew once with `save_pretrained(FOLDER, safe_serialization=True)`"
        )
    raise UsageError(f"{folder.name} of base {source} has no weights ({stem}.safetensors): fetch it whole")


def _noise(folder: Path, source: str) -> NoiseSettings:
    document = _read(folder, "scheduler")
    odd = [key for key in ("trained_betas", "rescale_betas_zero_snr") if document.get(key)]
    kind = document.get("prediction_type", "epsilon")
    if odd or kind not in ("epsilon", "v_prediction"):
        said = f"prediction_type {kind}" if not odd else odd[0]
        raise UsageError(f"the scheduler of base {source} has {said}, which is not known here: give another base")
    return NoiseSettings(
        timesteps=int(document["num_train_timesteps"]),
        beta_schedule=str(document["beta_schedule"]),
        beta_start=float(document["beta_start"]),
        beta_end=float(document["beta_end"]),
        prediction=str(kind),
    )


def _sha256(path: Path) -> bytes:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").digest()
