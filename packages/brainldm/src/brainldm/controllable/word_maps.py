"""Captions and words in, the map of each word in each slice drawn out: a slice folder, and the mean map of each word.

What Kim et al. show by class, and what `brain eval tsne` lays beside the slices themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from braincaption.atomic import atomic_folder
from braincaption.errors import UsageError
from braincaption.progress import track
from braincaption.schema import GENERATED_FOLDER
from braincaption.slicefolder import encode_png, write_slices
from brainldm.controllable.generate import ControlledGenerator
from brainldm.controllable.heat import Asked, Heat, word_heats
from brainldm.generate import Generator, SamplerSettings
from brainldm.heatmap import word_heat
from brainldm.prompts import Request

MEANS = "mean"


def write_word_maps(
    model: Generator, wanted: Sequence[Request], words: Sequence[str], how: SamplerSettings, out: Path
) -> int:
    """Draw each request, write the map of each word that its caption says, and return the number of maps.

    The folder is a slice folder: a map is its grey value, the word its caption; ``volume_id`` ends with ``#`` and the
    word, all other facts are the request's. ``mean/WORD.png`` and ``.npy`` are the means over all captions with WORD.

    Raises
    ------
    UsageError
        A word that no caption says.
    """
    unsaid = [word for word in words if not any(says(one.caption, word) for one in wanted)]
    if unsaid:
        raise UsageError(f"none of the {len(wanted)} captions says {unsaid[0]!r}: give words that they say")
    sums: dict[str, list[Heat]] = {word: [] for word in words}
    with atomic_folder(out) as aside:
        count = write_slices(aside, _rows(model, wanted, words, how, sums), GENERATED_FOLDER, {"model": model.name})
        (aside / MEANS).mkdir()
        for word, heats in sums.items():
            mean = np.asarray(np.mean(heats, axis=0), dtype=np.float32)
            name = re.sub(r"\W+", "-", word)
            np.save(aside / MEANS / f"{name}.npy", mean)
            (aside / MEANS / f"{name}.png").write_bytes(encode_png(_grey(mean)))
    return count


def says(caption: str, word: str) -> bool:
    """Tell whether a caption holds a word or phrase, whatever its case.

    Examples
    --------
    >>> says("Axial T1-weighted slice", "t1-weighted"), says("hippocampi", "hippo")
    (True, False)
    """
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", caption, re.IGNORECASE) is not None


def _rows(
    model: Generator, wanted: Sequence[Request], words: Sequence[str], how: SamplerSettings, sums: dict[str, list[Heat]]
) -> Iterator[tuple[dict[str, Any], npt.NDArray[np.uint8]]]:
    for request in track(wanted, "Drawing word maps"):
        said = [word for word in words if says(request.caption, word)]
        for word, heat in _heats(model, request, said, how).items():
            sums[word].append(heat)
            row = {
                **request.facts,
                "volume_id": f"{request.facts['volume_id']}#{word}",
                "caption": word,
                "model": model.name,
                "seed": request.seed,
                "steps": how.steps,
                "sampler": how.sampler,
                "guidance": how.guidance,
            }
            yield row, _grey(heat)


def _heats(model: Generator, request: Request, words: Sequence[str], how: SamplerSettings) -> dict[str, Heat]:
    if not words:
        return {}
    if isinstance(model, ControlledGenerator) and request.lines is not None:
        asked = Asked(prompt=request.caption, words=tuple(words), seed=request.seed, lines=request.lines)
        return {word: found.heat for word, found in word_heats(model, asked, how).items()}
    return {word: word_heat(model, request.caption, word, request.seed, how).heat for word in words}


def _grey(heat: Heat) -> npt.NDArray[np.uint8]:
    return np.asarray((255 * heat).round(), dtype=np.uint8)
