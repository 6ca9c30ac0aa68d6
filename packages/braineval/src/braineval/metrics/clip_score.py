"""CLIP score of generated slices and their prompts: 100 × cosine of image and text embedding; higher agrees more.

Hessel et al. 2021 (their scale, negative cosines count as 0). ``--weights`` takes any CLIP's folder or cached Hub name.
The floor is the score of real slices with their own captions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.clip import load_clip
from braineval.features import extract, load_once
from braineval.resample import mean_interval
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Slices


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the mean CLIP score of slices with their prompts."""
    values, units = _values(generated, settings)
    rng = np.random.default_rng(settings.seed)
    clip = load_clip(settings.weights)
    truth = _values(real, settings)[0] if _captioned(real).any() else None
    return Score(
        metric="clip-score",
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
        preprocessing=f"{clip.preprocessing}; whole prompts; the floor is real slices with their own captions",
        seed=settings.seed,
        higher_is_better=True,
        details={"values": values.tolist()},
    )


def _captioned(slices: Slices) -> npt.NDArray[np.bool_]:
    return np.asarray(slices.column("caption") != np.array(None))


def _values(slices: Slices, settings: Settings) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    chosen = slices.select(_captioned(slices))
    if not len(chosen):
        raise NotDefinedError(f"{slices.name} holds no caption: give slices with their prompts")
    images = extract(load_once("clip", settings.weights), chosen, settings.batch)
    captions = [str(text) for text in chosen.column("caption")]
    clip = load_clip(settings.weights)
    texts = np.concatenate(
        [clip.texts(captions[start : start + settings.batch]) for start in range(0, len(captions), settings.batch)]
    )
    cosines = (images.astype(np.float64) * texts).sum(axis=1)
    return 100 * cosines.clip(min=0), chosen.units
