"""A model folder and scans with their facts in, how often a scan finds its own prompt out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from braincaption.errors import UsageError
from brainldm.config import from_dict
from brainldm.model_folder import load_weights
from brainldm.tumsyn.encoders import BmlipEncoder, load_prompt_encoder
from brainldm.tumsyn.facts import Facts
from brainldm.tumsyn.model_folder import PROMPTS, VISION, read_model_record
from brainldm.tumsyn.settings import VisionSettings
from brainldm.tumsyn.vision import VolumeTransformer, seen

_DRAWS = 100  # sets of prompts a volume


class Retriever:
    """Both encoders of stage 1.

    Parameters
    ----------
    folder : Path
        A model folder with a stage 1.
    """

    def __init__(self, folder: Path) -> None:
        encoder = load_prompt_encoder(folder / PROMPTS)
        if not isinstance(encoder, BmlipEncoder):
            raise UsageError(f"{folder} was trained with the text encoder {encoder.name}: it has no stage 1")
        self.encoder = encoder
        self.settings = from_dict(VisionSettings, read_model_record(folder).config["vision"], str(folder))
        self.vision = VolumeTransformer(self.settings, encoder.width)
        load_weights(folder / VISION, self.vision)
        self.vision.eval()

    @torch.no_grad()
    def similarities(
        self, volumes: Sequence[npt.NDArray[np.floating]], facts: Sequence[Facts]
    ) -> npt.NDArray[np.float64]:
        """Return the cosine of every volume (normalised, axes right, anterior, superior) with every prompt."""
        shown = torch.stack([torch.from_numpy(seen(one, self.settings)) for one in volumes]).unsqueeze(1)
        images = functional.normalize(torch.cat([self.vision(part) for part in shown.split(8)]))  # type: ignore[no-untyped-call]
        texts = functional.normalize(self.encoder.encode(facts))
        return (images @ texts.T).double().numpy()


def top_one(
    similarities: npt.NDArray[np.float64], prompts: Sequence[str], among: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return, for each volume, the share of draws in which its own prompt wins among `among` distinct ones.

    Parameters
    ----------
    similarities : ndarray, shape (n, n)
        Volume i belongs to prompt i.
    prompts : sequence of str
        Where two are equal only one of them is in a draw.
    among : int
        Chance is 1 / `among`.
    rng : numpy.random.Generator
    """
    distinct = np.unique(np.asarray(prompts), return_index=True)[1]
    if len(distinct) < among:
        raise UsageError(f"{len(distinct)} distinct prompts, wanted {among} or more: give more scans")
    shares = np.empty(len(prompts))
    for i, own in enumerate(prompts):
        others = np.array([j for j in distinct if prompts[j] != own])
        wins = [similarities[i, i] > similarities[i, rng.choice(others, among - 1, replace=False)].max()
                for _ in range(_DRAWS)]  # fmt: skip
        shares[i] = np.mean(wins)
    return shares


def contrast_named(similarities: npt.NDArray[np.float64], contrasts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return 1 for each volume that is nearer on average to the prompts of its own contrast than to those of others."""
    names = sorted(set(contrasts))
    of = np.array([names.index(contrast) for contrast in contrasts])
    means = np.stack([similarities[:, of == i].mean(axis=1) for i in range(len(names))], axis=1)
    return (means.argmax(axis=1) == of).astype(np.float64)
