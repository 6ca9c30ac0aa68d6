"""Slices and a base in, a folder of latents and prompts' states out, so that training needs neither VAE nor CLIP.

The folder holds ``mean.npy`` and ``deviation.npy`` (n, channels, h, w), the VAE's posterior of each slice, unscaled;
``texts.npy`` (prompts + 1, tokens, width), the empty prompt first; ``rows.npy`` (n,), each slice's text; and
``about.json``: what they were made from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.format import open_memmap

from braincaption.atomic import atomic_folder
from braincaption.errors import UsageError
from braincaption.progress import track
from brainldm.device import inference_device
from brainldm.sdmri.base import Base
from brainldm.sdmri.pictures import to_colour
from brainldm.sdmri.prompt import prompt_of
from brainldm.sdmri.text import PromptEncoder, whole
from brainldm.slices import Slices
from brainldm.text.protocol import EncodedText

_ABOUT = "about.json"
_BATCH = 8
_EMPTY = ""


@dataclass(frozen=True, kw_only=True)
class SdLatents:
    """The training set of an SD-MRI model, memory-mapped; shapes as in the module's docstring."""

    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]
    texts: npt.NDArray[np.float32]
    rows: npt.NDArray[np.int64]
    scale: float  # latents are multiplied by this before diffusion: the VAE's own scaling factor
    made_from: dict[str, Any]  # checksums of slices, prompts and base, and the size

    def __len__(self) -> int:
        return len(self.mean)

    def text(self, samples: Sequence[int], dropped: Sequence[bool]) -> EncodedText:
        """Return the states of the prompts of slices `samples`, the empty prompt's where `dropped`."""
        rows = np.where(np.asarray(dropped), 0, self.rows[list(samples)])
        return whole(torch.from_numpy(self.texts[rows]))


def cached_latents(slices: Slices, base: Base, size: int, folder: Path) -> SdLatents:
    """Return the latents of `slices`, made only where `folder` has not those of the same slices, base and size.

    Raises
    ------
    UsageError
        A size that the VAE cannot halve, slices that are not square, or one that says neither contrast nor field.
    """
    prompts = _prompts(slices)
    digest = hashlib.sha256("\n".join(prompts).encode()).hexdigest()
    about = {"slices": slices.fingerprint, "prompts": digest, "base": base.checksum, "size": size}
    path = folder / _ABOUT
    if not path.is_file() or json.loads(path.read_text(encoding="utf-8"))["made from"] != about:
        _encode(slices, base, size, prompts, about, folder)
    scale = float(json.loads(path.read_text(encoding="utf-8"))["scale"])
    mean, deviation = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("mean", "deviation"))
    texts, rows = (np.load(folder / f"{name}.npy") for name in ("texts", "rows"))
    return SdLatents(mean=mean, deviation=deviation, texts=texts, rows=rows, scale=scale, made_from=about)


def _prompts(slices: Slices) -> list[str]:
    rows: list[dict[str, Any]] = slices.table.to_dict("records")  # type: ignore[assignment]  # columns have names
    found = [prompt_of(row) for row in rows]
    lacking = sum(prompt is None for prompt in found)
    if lacking:
        raise UsageError(
            f"{lacking} of {len(found)} training slices say neither sequence nor field_strength_t: there is nothing to "
            "ask them with; give slices of a cohort that states one of them"
        )
    return [prompt for prompt in found if prompt is not None]


@torch.no_grad()
def _encode(slices: Slices, base: Base, size: int, prompts: list[str], about: dict[str, Any], folder: Path) -> None:
    height, width = slices.pictures.shape[1:]
    if height != width:
        raise UsageError(f"slices of {width}×{height} pixels, wanted square ones: render them with --size")
    vae, device = base.load("vae"), inference_device()
    halvings = len(vae.config.block_out_channels) - 1
    if size % 2**halvings:
        raise UsageError(f"size {size} cannot be halved {halvings} times: give a multiple of {2**halvings}")
    side = size // 2**halvings
    shape = (len(slices), vae.config.latent_channels, side, side)
    different, rows = np.unique(prompts, return_inverse=True)
    with atomic_folder(folder) as aside:
        mean, deviation = (_array(aside / f"{name}.npy", shape) for name in ("mean", "deviation"))
        vae = vae.to(device)
        for first in track(range(0, len(slices), _BATCH), "Encoding slices", total=-(-len(slices) // _BATCH)):
            part = slice(first, first + _BATCH)
            posterior = vae.encode(to_colour(slices.pictures[part], size).to(device)).latent_dist
            mean[part], deviation[part] = posterior.mean.cpu().numpy(), posterior.std.cpu().numpy()
        del mean, deviation  # written when they are let go
        np.save(aside / "texts.npy", PromptEncoder(base).encode([_EMPTY, *different.tolist()]).tokens.numpy())
        np.save(aside / "rows.npy", rows.astype(np.int64) + 1)
        document = {"made from": about, "scale": float(vae.config.scaling_factor)}
        (aside / _ABOUT).write_text(json.dumps(document) + "\n", encoding="utf-8")


def _array(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return an array on disk, to be filled: latents of many slices do not fit in memory."""
    opened: npt.NDArray[np.float32] = open_memmap(path, "w+", np.float32, shape)  # type: ignore[no-untyped-call]
    return opened
