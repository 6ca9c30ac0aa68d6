"""Slices of several folders in, their features in a plane (t-SNE) and how near each contrast lies to its own out.

Kim et al. lay ResNet-18 features of drawn slices beside those of mean word maps; any extractor serves, and any slice
folder: images, and maps as `brain ldm attention TABLE` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from braincaption.extras import require
from braineval.features import extract, load_once
from braineval.score import NotDefinedError
from braineval.settings import Settings
from braineval.slices import Slices

PERPLEXITY = 30.0  # van der Maaten and Hinton 2008: 5 to 50
DEFAULT = "built-in"


@dataclass(frozen=True, kw_only=True)
class Plane:
    """Points of all folders in one plane.

    Attributes
    ----------
    points : ndarray of float64, shape (n, 2)
    folders, contrasts : ndarray of str, shape (n,)
    agreement : list of dict
        For each pair of folders: the share of the first one's slices whose nearest slice of the second, of another
        person and by the features themselves, is of the same contrast, and what chance would give.
    about : dict
        Extractor, its checksum, perplexity, seed.
    """

    points: npt.NDArray[np.float64]
    folders: npt.NDArray[np.str_]
    contrasts: npt.NDArray[np.str_]
    agreement: list[dict[str, Any]]
    about: dict[str, Any]


def plane(folders: Mapping[str, Slices], settings: Settings, most: int) -> Plane:
    """Return the slices of `folders` in one plane, at most `most` of each, chosen by the settings' seed.

    Raises
    ------
    NotDefinedError
        The extractor's weights are absent, or there are fewer than four slices.
    BrainError
        scikit-learn is not installed.
    """
    rng = np.random.default_rng(settings.seed)
    chosen = {name: one.select(np.sort(rng.permutation(len(one))[:most])) for name, one in folders.items()}
    extractor = load_once(*settings.chosen_extractor(DEFAULT))
    found = {name: extract(extractor, one, settings.batch, settings.store) for name, one in chosen.items()}
    features = np.concatenate(list(found.values()))
    if len(features) < 4:
        raise NotDefinedError(f"a t-SNE of {len(features)} slices shows nothing: give four or more")
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    manifold = require("sklearn.manifold", "tsne", "braineval")
    made = manifold.TSNE(init="pca", perplexity=perplexity, random_state=settings.seed).fit_transform(features)
    return Plane(
        points=made.astype(np.float64),
        folders=np.repeat(list(chosen), [len(one) for one in chosen.values()]),
        contrasts=np.concatenate([one.column("sequence").astype(str) for one in chosen.values()]),
        agreement=[_agreement(a, b, chosen, found) for a in chosen for b in chosen],
        about={
            "extractor": extractor.name,
            "extractor_sha256": extractor.sha256,
            "preprocessing": extractor.preprocessing,
            "perplexity": perplexity,
            "seed": settings.seed,
        },
    )


def _agreement(
    first: str, second: str, chosen: Mapping[str, Slices], found: Mapping[str, npt.NDArray[np.float32]]
) -> dict[str, Any]:
    left, right = (found[name].astype(np.float64) for name in (first, second))
    distances = (left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * left @ right.T
    own, other = (_people(chosen[name]) for name in (first, second))
    distances[own[:, None] == other] = np.inf
    known = np.isfinite(distances).any(axis=1)
    asked, near = (chosen[name].column("sequence").astype(str) for name in (first, second))
    same = asked[:, None] == near
    hits = same[np.arange(len(asked)), distances.argmin(axis=1)][known]
    allowed = np.isfinite(distances[known])
    chance = float(((same[known] & allowed).sum(1) / allowed.sum(1)).mean()) if known.any() else None
    value = float(hits.mean()) if known.any() else None
    return {"of": first, "nearest in": second, "same contrast": value, "chance": chance, "n": int(known.sum())}


def _people(slices: Slices) -> npt.NDArray[np.str_]:
    """Return who each slice shows, one without a person being its own volume."""
    pairs = zip(slices.column("person"), slices.column("volume_id"), strict=True)
    return np.array([str(volume) if person is None else str(person) for person, volume in pairs])
