"""Image-text retrieval: share of slices whose own prompt is nearest among ten, by a CLIP; higher is better.

The other nine are drawn from the prompts of the same folder that read differently (Wang et al.: retrieval among ten).
The floor "halves" is the share among real slices with their own captions, "people" is chance, 0.1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.clip import load_clip
from braineval.clip_scoring import captions, embedded
from braineval.resample import share_interval
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Slices

AMONG = 10


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the share of first places.

    Raises
    ------
    NotDefinedError
        Fewer than ten different prompts, or no CLIP.
    """
    clip = load_clip(settings.weights_of("clip"))
    hits, units = _first_places(generated, settings)
    try:
        truth: float | None = float(_first_places(real, settings)[0].mean())
    except NotDefinedError:
        truth = None
    return Score(
        metric="retrieval",
        value=float(hits.mean()),
        ci95=share_interval(hits, units, settings.draws, np.random.default_rng(settings.seed)),
        floor=Floor(halves=truth, people=1 / AMONG, n=(len(real), len(hits))),
        n_real=len(real),
        n_generated=len(hits),
        people_real=real.people,
        people_generated=generated.people,
        extractor="clip",
        extractor_sha256=clip.sha256,
        preprocessing=f"{clip.preprocessing}; own prompt among {AMONG}; the floors are real slices and chance",
        seed=settings.seed,
        higher_is_better=True,
    )


def _first_places(slices: Slices, settings: Settings) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    chosen, words, images, texts = embedded(slices, captions, settings)
    unique, places = np.unique(np.array(words, dtype=object), return_inverse=True)
    if len(unique) < AMONG:
        raise NotDefinedError(
            f"{slices.name} holds {len(unique)} different prompts, retrieval wants {AMONG}: give slices of more prompts"
        )
    rng = np.random.default_rng(settings.seed)
    first = np.array([np.flatnonzero(places == i)[0] for i in range(len(unique))])
    hits = np.zeros(len(words))
    for i, own in enumerate(places):
        others = rng.choice(np.delete(np.arange(len(unique)), own), AMONG - 1, replace=False)
        rivals = texts[first[others]] @ images[i]
        hits[i] = float(texts[i] @ images[i]) > float(rivals.max())
    return hits, chosen.units
