"""A controllable model, prompts and words in, maps of where the words were attended out (Kim et al., equation 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from braincaption.atomic import atomic_folder
from braincaption.slicefolder import encode_png
from brainldm.attention import recorded_maps
from brainldm.controllable.generate import ControlledGenerator
from brainldm.controllable.network import ControlledUNet, Under
from brainldm.controllable.structure import Lines
from brainldm.generate import Generator, SamplerSettings
from brainldm.heatmap import HeatMap, word_heat, word_tokens
from brainldm.prompts import Request
from brainldm.slices import to_bytes
from brainldm.text.protocol import EncodedText

Heat = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A picture to draw and the words of its prompt whose maps are wanted."""

    prompt: str
    words: tuple[str, ...]
    seed: int
    lines: Lines


def word_heats(model: ControlledGenerator, asked: Asked, how: SamplerSettings) -> dict[str, HeatMap]:
    """Draw a prompt under its lines and return the map of each word.

    A word's map is the sum over its tokens of softmax(QKᵀ/√d) of every cross-attention on the down and up paths of the
    main U-Net and on the down path of the control branch, over heads, layers and steps, each resized to the picture;
    the largest value is 1. The middle blocks are left out, as in the equation.

    Raises
    ------
    UsageError
        The prompt does not contain a word, or it was shortened away.
    """
    spans = model.encoder.spans(asked.prompt)
    columns = {word: word_tokens(spans, asked.prompt, word) for word in asked.words}
    shape = model.record.image_shape
    total = torch.zeros(int(model.text([asked.prompt]).mask.sum()), *shape)
    latent = model.record.latent_shape[1:]

    def recording(network: ControlledUNet, lines: torch.Tensor) -> _Recording:
        return _Recording(network, lines, total, latent)

    found = model.latents_under([asked.prompt], [asked.seed], asked.lines[None], how, recording)
    picture = to_bytes(model.decode(found))[0]
    return {word: HeatMap(picture=picture, heat=_normalised(total[chosen].sum(0))) for word, chosen in columns.items()}


def class_heats(
    model: ControlledGenerator, asked: Mapping[str, Sequence[Asked]], how: SamplerSettings
) -> dict[str, Heat]:
    """Return the mean map of each class: over its prompts, the map of the first of a prompt's words."""
    return {
        name: np.mean([word_heats(model, one, how)[one.words[0]].heat for one in prompts], axis=0, dtype=np.float32)
        for name, prompts in asked.items()
    }


def draw_heat(model: Generator, request: Request, word: str, how: SamplerSettings, out: Path) -> None:
    """Draw one request and write ``slice.png`` with the word's map, ``heat.png`` and ``heat.npy``, to `out`."""
    if isinstance(model, ControlledGenerator) and request.lines is not None:
        asked = Asked(prompt=request.caption, words=(word,), seed=request.seed, lines=request.lines)
        found = word_heats(model, asked, how)[word]
    else:
        found = word_heat(model, request.caption, word, request.seed, how)
    with atomic_folder(out) as aside:
        (aside / "slice.png").write_bytes(encode_png(found.picture))
        (aside / "heat.png").write_bytes(encode_png((255 * found.heat).round().astype(np.uint8)))
        np.save(aside / "heat.npy", found.heat)


class _Recording(Under):
    """A network whose first call of each step, the one with the caption, adds its attention to `total`."""

    def __init__(
        self, network: ControlledUNet, lines: torch.Tensor, total: torch.Tensor, latent: tuple[int, ...]
    ) -> None:
        super().__init__(network, lines)
        self.total, self.latent, self.caption = total, latent, None

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, text: EncodedText) -> torch.Tensor:
        caption: Any = text if self.caption is None else self.caption
        self.caption = caption
        if text is not caption:
            return super().predict(latents, timesteps, text)
        with recorded_maps(self.network.attending()) as maps:
            prediction = super().predict(latents, timesteps, text)
        for part in maps:
            self.total += _resized(part[0], self.latent, tuple(self.total.shape[1:]))
        return prediction


def _resized(attention: torch.Tensor, latent: tuple[int, ...], image: tuple[int, ...]) -> torch.Tensor:
    """Return maps (tokens, height, width) from the attention of one layer (pixels, tokens)."""
    shrink = round((latent[0] * latent[1] / len(attention)) ** 0.5)
    grid = attention.T.reshape(1, -1, latent[0] // shrink, latent[1] // shrink).cpu()
    return functional.interpolate(grid, size=image, mode="bilinear", align_corners=False)[0]


def _normalised(heat: torch.Tensor) -> Heat:
    return (heat / heat.max()).numpy().astype(np.float32)
