"""What a visitor of the demo page chose in, pictures of the slice, of a word's heat and of the nearest slice out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from braincaption.extras import require
from brainldm.generate import Generator, SamplerSettings
from brainldm.heatmap import word_heat
from brainldm.nearest import Seen

Picture = npt.NDArray[np.uint8]
SHOWN_PIXELS = 384  # about: slices are enlarged by a whole factor, each pixel a square
_HOT = np.array([255.0, 70.0, 0.0])


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Pictures as the page shows them, enlarged, of shape (height, width, 3), and a line of text.

    Attributes
    ----------
    slice : ndarray of uint8
    heat : ndarray of uint8 or None
        The slice under the attention of the word asked for.
    nearest : ndarray of uint8 or None
        The nearest training slice, where they are known.
    told : str
    """

    slice: Picture
    heat: Picture | None
    nearest: Picture | None
    told: str


def draw(model: Generator, seen: Seen | None, prompt: str, word: str, seed: int, how: SamplerSettings) -> Drawing:
    """Draw a slice, and what belongs beside it.

    Raises
    ------
    UsageError
        An empty prompt, or a word that is not in it.
    """
    heat = None
    if word.strip():
        found = word_heat(model, prompt, word, seed, how)
        picture, heat = found.picture, _overlay(found.picture, found.heat)
    else:
        picture = model.draw([prompt], [seed], how)[0]
    told, nearest = f"{model.name}, seed {seed}.", None
    if seen is None:
        told += " No training slices to compare with: give --slices."
    else:
        neighbour = seen.nearest(picture)
        nearest = _enlarged(neighbour.picture)
        told += (
            f" Nearest of {len(seen.pictures):,} training slices: {neighbour.distance:.1f} of 255 grey levels apart "
        )
        told += f"(root mean square), captioned: {neighbour.caption}"
    return Drawing(slice=_enlarged(picture), heat=heat, nearest=nearest, told=told)


def _overlay(picture: Picture, heat: npt.NDArray[np.float32]) -> Picture:
    weight = 0.7 * heat[..., None]
    return _enlarged(((1 - weight) * picture[..., None] + weight * _HOT).round().astype(np.uint8))


def _enlarged(picture: Picture) -> Picture:
    image: Any = require("PIL.Image", "images")
    coloured = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    factor = max(1, SHOWN_PIXELS // picture.shape[0])
    size = (picture.shape[1] * factor, picture.shape[0] * factor)
    return np.asarray(image.fromarray(coloured).resize(size, image.Resampling.NEAREST))
