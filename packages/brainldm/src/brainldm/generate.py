"""A model folder and requests in, pictures with their provenance in a slice folder out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from braincaption.errors import UsageError
from braincaption.progress import track
from braincaption.schema import GENERATED_FOLDER
from braincaption.slicefolder import write_slices
from brainldm.autoencoder import build_vae
from brainldm.device import inference_device
from brainldm.latents import load_null
from brainldm.model_folder import TEXT, UNET, VAE, ModelRecord, checksum, load_weights, read_record
from brainldm.prompts import Request
from brainldm.samplers import make_sampler
from brainldm.sampling import guided, sample
from brainldm.slices import to_bytes
from brainldm.text.protocol import EncodedText, TextEncoder
from brainldm.text.registry import load_encoder
from brainldm.text.shorten import shorten
from brainldm.unet import TextUNet

_BATCH = 8
_NAMED_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class SamplerSettings:
    """How to draw: number of steps, sampler's name, guidance weight, negative prompt ("" for the empty one)."""

    steps: int
    sampler: str
    guidance: float
    negative: str


class Generator:
    """A trained model, ready to draw.

    Parameters
    ----------
    folder : Path
        A model folder that `train-ldm` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.record = folder, read_record(folder)
        self.device = inference_device()
        self.vae: Any = _ready(build_vae(self.record.settings.vae), folder / VAE, self.device)
        network = TextUNet(self.record.settings.unet, self.record.latent_shape, _text_width(self.record))
        self.scale_factor = self.record.scale_factor or 1.0
        self.network: Any = _ready(network, folder / UNET, self.device)
        self.encoder: TextEncoder = load_encoder(folder / TEXT)
        self.null = load_null(folder)

    @property
    def name(self) -> str:
        """The model's name with the checksum of its weights."""
        return f"{self.record.settings.name}@{checksum(self.folder)[:_NAMED_DIGITS]}"

    def text(self, captions: Sequence[str]) -> EncodedText:
        """Return the embeddings of captions, shortened by whole phrases where they are too long."""
        return self.encoder.encode([shorten(text, self.encoder.count, self.encoder.max_tokens) for text in captions])

    def draw(self, captions: Sequence[str], seeds: Sequence[int], how: SamplerSettings) -> npt.NDArray[np.uint8]:
        """Return one picture a caption, uint8 of shape (n, height, width); picture i depends on seeds[i] alone."""
        pictures = []
        for first in range(0, len(captions), _BATCH):
            latents = self.latents(captions[first : first + _BATCH], seeds[first : first + _BATCH], how)
            pictures.append(to_bytes(self.decode(latents)))
        return np.concatenate(pictures)

    def latents(self, captions: Sequence[str], seeds: Sequence[int], how: SamplerSettings) -> torch.Tensor:
        """Return scaled latents, shape (n, channels, h, w)."""
        against = self.text([how.negative]) if how.negative else self.null
        denoise = guided(self.network, self.text(captions), against, how.guidance)
        scheduler = make_sampler(how.sampler, self.record.settings.noise)
        return sample(denoise, scheduler, how.steps, self.record.latent_shape, seeds)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Return images of shape (n, 1, height, width) from scaled latents."""
        return self.vae.decode(latents.to(self.device) / self.scale_factor)


def generate(model: Generator, wanted: Sequence[Request], how: SamplerSettings, out: Path) -> int:
    """Draw every request into the slice folder `out` and return their number; pictures already there are kept."""
    rows = [_row(model, request, how) for request in wanted]
    return write_slices(out, _drawn(model, wanted, rows, how), GENERATED_FOLDER, {"model": model.name})


def _drawn(
    model: Generator, wanted: Sequence[Request], rows: list[dict[str, Any]], how: SamplerSettings
) -> Iterator[tuple[dict[str, Any], npt.NDArray[np.uint8]]]:
    for first in track(range(0, len(wanted), _BATCH), "Drawing slices", total=-(-len(wanted) // _BATCH)):
        part = wanted[first : first + _BATCH]
        pictures = model.draw([request.caption for request in part], [request.seed for request in part], how)
        yield from zip(rows[first : first + _BATCH], pictures, strict=True)


def _row(model: Generator, request: Request, how: SamplerSettings) -> dict[str, Any]:
    return {
        **request.facts,
        "caption": request.caption,
        "pixel_mm": model.record.pixel_mm,
        "model": model.name,
        "seed": request.seed,
        "steps": how.steps,
        "sampler": how.sampler,
        "guidance": how.guidance,
    }


def _ready(network: torch.nn.Module, weights: Path, device: torch.device) -> torch.nn.Module:
    load_weights(weights, network)
    return network.eval().requires_grad_(False).to(device)


def _text_width(record: ModelRecord) -> int:
    if record.text_width is None or record.scale_factor is None:
        raise UsageError("the model folder holds a VAE alone: go on with `brain ldm encode` and `brain ldm train-ldm`")
    return record.text_width
