"""A prompt and one of its words in, the drawn slice and the map of where the model looked for that word out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from braincaption.errors import UsageError
from brainldm.attention import recorded_maps
from brainldm.generate import Generator, SamplerSettings
from brainldm.samplers import make_sampler
from brainldm.sampling import guided, sample
from brainldm.slices import to_bytes


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A drawn slice beside the attention that one word got.

    Attributes
    ----------
    picture : ndarray of uint8, shape (height, width)
    heat : ndarray of float32, shape (height, width)
        Attention of the word's tokens, summed over layers, steps and heads; the largest value is 1.
    """

    picture: npt.NDArray[np.uint8]
    heat: npt.NDArray[np.float32]


def word_heat(model: Generator, prompt: str, word: str, seed: int, how: SamplerSettings) -> HeatMap:
    """Draw `prompt` and return where its tokens of `word` were attended (Kim et al., eq. 6).

    Raises
    ------
    UsageError
        The prompt does not contain the word, or it was shortened away.
    """
    columns = word_tokens(model.encoder.spans(prompt), prompt, word)
    against = model.text([how.negative]) if how.negative else model.null
    scheduler = make_sampler(how.sampler, model.record.settings.noise)
    shape = model.record.latent_shape
    collected: list[torch.Tensor] = []
    denoise = guided(_Recording(model.network, collected), model.text([prompt]), against, how.guidance)
    picture = to_bytes(model.decode(sample(denoise, scheduler, how.steps, shape, [seed])))[0]
    return HeatMap(picture=picture, heat=_summed(collected, columns, shape[1:], picture.shape))


def word_tokens(spans: list[tuple[int, int]], prompt: str, word: str) -> list[int]:
    """Return the numbers of the tokens that lie in an occurrence of `word`, whatever its case."""
    found = [match.span() for match in re.finditer(rf"(?<!\w){re.escape(word.strip())}(?!\w)", prompt, re.IGNORECASE)]
    columns = [i for i, (start, end) in enumerate(spans) if any(start < last and first < end for first, last in found)]
    if not word.strip() or not columns:
        raise UsageError(f"the prompt {prompt[:60]!r} does not contain {word!r}: give one of its words")
    return columns


class _Recording:
    """A network whose first call of each step, the one with the caption, leaves its attention in a list."""

    def __init__(self, network: Any, collected: list[torch.Tensor]) -> None:
        self.network, self.collected, self.caption = network, collected, None

    def parameters(self) -> Any:
        return self.network.parameters()

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, text: Any) -> torch.Tensor:
        if self.caption is None:
            self.caption = text
        if text is not self.caption:
            return self.network.predict(latents, timesteps, text)
        with recorded_maps(self.network) as maps:
            prediction = self.network.predict(latents, timesteps, text)
        self.collected.extend(maps)
        return prediction


def _summed(
    maps: list[torch.Tensor], columns: list[int], latent: tuple[int, ...], image: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    total = torch.zeros(image)
    for part in maps:
        heat = part[0, :, columns].sum(1)
        shrink = round((latent[0] * latent[1] / len(heat)) ** 0.5)
        grid = heat.view(1, 1, latent[0] // shrink, latent[1] // shrink)
        total += functional.interpolate(grid.cpu(), size=image, mode="bilinear", align_corners=False)[0, 0]
    return (total / total.max()).numpy().astype(np.float32)
