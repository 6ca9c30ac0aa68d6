"""A model folder and requests in, pictures with their provenance in a slice folder out."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import torch

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from braincaption.progress import track
from braincaption.schema import GENERATED_FOLDER
from braincaption.slicefolder import IMAGES, METADATA, write_slices
from brainldm.autoencoder import build_vae
from brainldm.device import inference_device
from brainldm.latents import load_null
from brainldm.model_folder import TEXT, UNET, VAE, ModelRecord, checksum, load_weights, read_record
from brainldm.niftislice import NIFTI
from brainldm.prompts import Request
from brainldm.samplers import make_sampler
from brainldm.sampling import guided, sample
from brainldm.slices import to_bytes
from brainldm.text.protocol import EncodedText, TextEncoder
from brainldm.text.registry import load_encoder
from brainldm.text.shorten import shorten
from brainldm.unet import TextUNet

_BATCH = 8
_RUN = ".run"  # in an unfinished folder: digest of the requests and settings that its pictures come from
NAMED_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class SamplerSettings:
    """How to draw: number of steps, sampler's name, guidance weight, negative prompt ("" for the empty one)."""

    steps: int
    sampler: str
    guidance: float
    negative: str


class Drawer(Protocol):
    """What `generate` needs of a model, of whichever system."""

    record: Any  # has ``data`` (with displayed_side) and ``pixel_mm``

    @property
    def name(self) -> str:
        """The model's name with the checksum of its weights."""
        ...

    def draw_requests(self, wanted: Sequence[Request], how: SamplerSettings) -> npt.NDArray[np.uint8]:
        """Return one picture a request, uint8 of shape (n, height, width)."""
        ...


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
        return f"{self.record.settings.name}@{checksum(self.folder)[:NAMED_DIGITS]}"

    def text(self, captions: Sequence[str]) -> EncodedText:
        """Return the embeddings of captions, shortened by whole phrases where they are too long."""
        return self.encoder.encode([shorten(text, self.encoder.count, self.encoder.max_tokens) for text in captions])

    def draw_requests(self, wanted: Sequence[Request], how: SamplerSettings) -> npt.NDArray[np.uint8]:
        """Return one picture a request, uint8 of shape (n, height, width)."""
        return self.draw([request.caption for request in wanted], [request.seed for request in wanted], how)

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


def generate(model: Drawer, wanted: Sequence[Request], how: SamplerSettings, out: Path) -> int:
    """Draw every request into the slice folder `out` and return their number.

    Pictures already there are kept, when the same model drew them from the same requests in the same way; others are
    drawn anew. A whole batch is drawn for a picture that is missing, so that its bytes do not depend on the others.
    """
    rows = [_row(model, request, how) for request in wanted]
    run = _digest(rows, wanted, how)
    if _run_of(out) != run:
        _start_over(out, run)
    about = {"model": model.name, "negative": how.negative, "run": run}
    count = write_slices(out, _drawn(model, wanted, rows, how), GENERATED_FOLDER, about)
    (out / _RUN).unlink(missing_ok=True)
    return count


def _digest(rows: list[dict[str, Any]], wanted: Sequence[Request], how: SamplerSettings) -> str:
    digest = hashlib.sha256(json.dumps([rows, how.negative], sort_keys=True, default=str).encode())
    for request in wanted:
        digest.update(b"" if request.lines is None else np.packbits(request.lines).tobytes())
    return digest.hexdigest()


def _run_of(out: Path) -> str | None:
    """Return the digest of the requests and settings behind the pictures of `out`; a finished folder's table has it."""
    if (out / METADATA).is_file():
        about = pq.read_schema(out / METADATA).metadata or {}
        return about.get(b"run", b"").decode()
    return (out / _RUN).read_text(encoding="utf-8").strip() if (out / _RUN).is_file() else None


def _start_over(out: Path, run: str) -> None:
    (out / METADATA).unlink(missing_ok=True)
    for folder in (IMAGES, NIFTI):
        shutil.rmtree(out / folder, ignore_errors=True)
    with atomic_path(out / _RUN) as aside:
        aside.write_text(run + "\n", encoding="utf-8")


def _drawn(
    model: Drawer, wanted: Sequence[Request], rows: list[dict[str, Any]], how: SamplerSettings
) -> Iterator[tuple[dict[str, Any], Callable[[], npt.NDArray[np.uint8]]]]:
    for first in track(range(0, len(wanted), _BATCH), "Drawing slices", total=-(-len(wanted) // _BATCH)):
        pictures = _Pictures(model, wanted[first : first + _BATCH], how)
        for place, row in enumerate(rows[first : first + _BATCH]):
            yield row, partial(pictures.picture, place)


class _Pictures:
    """A batch that is drawn, as a whole, when the first of its pictures is asked for."""

    def __init__(self, model: Drawer, wanted: Sequence[Request], how: SamplerSettings) -> None:
        self.model, self.wanted, self.how = model, wanted, how
        self.drawn: npt.NDArray[np.uint8] | None = None

    def picture(self, place: int) -> npt.NDArray[np.uint8]:
        if self.drawn is None:
            self.drawn = self.model.draw_requests(self.wanted, self.how)
        return self.drawn[place]


def _row(model: Drawer, request: Request, how: SamplerSettings) -> dict[str, Any]:
    return {
        "displayed_side": model.record.data.get("displayed_side"),
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
