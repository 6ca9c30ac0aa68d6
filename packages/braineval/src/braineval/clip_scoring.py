"""Slices and a text for each in, their CLIP score with its interval out: for whole and for partial prompts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from braineval.clip import load_clip
from braineval.features import extract, load_once
from braineval.resample import mean_interval
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Slices

Texts = Callable[[Slices], list[str | None]]
Embeddings = npt.NDArray[np.float32]


def clip_text_score(name: str, texts: Texts, said: str, real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean of 100 × cosine of slice and text, negative cosines counted as 0 (Hessel et al. 2021).

    Parameters
    ----------
    name : str
    texts : callable
        The text of each slice, None where there is none.
    said : str
        Which texts these are, for the protocol.
    real, generated : Slices
        The floor is the score of real slices with their own texts.
    settings : Settings
    """
    values, units = _values(generated, texts, settings)
    rng = np.random.default_rng(settings.seed)
    clip = load_clip(settings.weights_of("clip"))
    truth = _values(real, texts, settings)[0] if any(text is not None for text in texts(real)) else None
    return Score(
        metric=name,
        value=float(values.mean()),
        ci95=mean_interval(values, units, settings.draws, rng),
        floor=Floor(
            halves=None if truth is None else float(truth.mean()),
            people=None,
            n=(0 if truth is None else len(truth),) * 2,
        ),
        n_real=len(real),
        n_generated=len(values),
        people_real=real.people,
        people_generated=generated.people,
        extractor="clip",
        extractor_sha256=clip.sha256,
        preprocessing=f"{clip.preprocessing}; {said}; the floor is real slices with their own",
        seed=settings.seed,
        higher_is_better=True,
        details={"values": values.tolist()},
    )


def embedded(slices: Slices, texts: Texts, settings: Settings) -> tuple[Slices, list[str], Embeddings, Embeddings]:
    """Return the slices that have a text, the texts, and the embeddings of both, shape (n, d) each.

    Raises
    ------
    NotDefinedError
        There is no text.
    """
    given = texts(slices)
    named = [i for i, text in enumerate(given) if text is not None]
    if not named:
        raise NotDefinedError(f"{slices.name} holds no caption: give slices with their prompts")
    chosen = slices.select(named)
    images = extract(load_once("clip", settings.weights_of("clip")), chosen, settings.batch, settings.store)
    clip, words = load_clip(settings.weights_of("clip")), [str(given[i]) for i in named]
    # Partial prompts repeat: each is embedded once.
    unique, places = np.unique(np.array(words, dtype=object), return_inverse=True)
    parts = [clip.texts(list(unique[i : i + settings.batch])) for i in range(0, len(unique), settings.batch)]
    return chosen, words, images, np.concatenate(parts)[places]


def captions(slices: Slices) -> list[str | None]:
    """Return the whole captions."""
    return [None if text is None else str(text) for text in slices.column("caption")]


def _values(slices: Slices, texts: Texts, settings: Settings) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    chosen, _, images, words = embedded(slices, texts, settings)
    cosines = (images.astype(np.float64) * words).sum(axis=1)
    return 100 * cosines.clip(min=0), chosen.units
