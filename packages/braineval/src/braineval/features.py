"""Slices and an extractor in, their feature vectors with people out, computed once a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from braincaption.errors import UsageError
from braincaption.progress import track
from braineval import extractors
from braineval.extractors import Extractor
from braineval.settings import Settings
from braineval.slices import Slices, same_size
from braineval.stored import read_stored, stored_path, write_stored

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class FeaturePair:
    """Features of real, shape (n, d), and generated slices, shape (m, d), by one extractor."""

    extractor: Extractor
    real: Array
    generated: Array


def feature_pair(real: Slices, generated: Slices, settings: Settings, default: str) -> FeaturePair:
    """Extract the features of both sides with the settings' extractor, or `default`.

    Raises
    ------
    UsageError
        Two sizes of slices, or features that are not finite.
    NotDefinedError
        The extractor's weights are absent.
    """
    same_size(real, generated)
    extractor = load_once(*settings.chosen_extractor(default))
    sides = [extract(extractor, side, settings.batch, settings.store) for side in (real, generated)]
    return FeaturePair(extractor=extractor, real=sides[0], generated=sides[1])


@lru_cache(maxsize=4)
def load_once(name: str, weights: Path | None) -> Extractor:
    """Return the extractor, kept between the metrics of one run."""
    return extractors.load(name, weights)


# Each entry holds its slices, so that no other reader can take their place in memory and with it their key.
_kept: dict[tuple[str, int, bytes], tuple[Slices, Array]] = {}
_KEPT_SETS = 8


def extract(extractor: Extractor, slices: Slices, batch: int, store: Path | None = None) -> Array:
    """Return the features of all slices, shape (n, d); the sets used last are kept, for the next metric of a report.

    With a folder `store` they are kept there as well, for the next run.
    """
    key = (extractor.sha256, id(slices.reader), slices.rows.tobytes())
    if key not in _kept:
        path = None if store is None else stored_path(store, extractor.sha256, slices, batch)
        kept = None if path is None else read_stored(path)
        features = _computed(extractor, slices, batch) if kept is None else kept
        if not np.isfinite(features).all():
            raise UsageError(
                f"{extractor.name} gives features that are not finite on {slices.name}: its weights are damaged, give "
                "others with --weights"
            )
        if path is not None and kept is None:
            write_stored(path, features)
        if len(_kept) >= _KEPT_SETS:
            _kept.pop(next(iter(_kept)))
        _kept[key] = (slices, features)
    return _kept[key][1]


def _computed(extractor: Extractor, slices: Slices, batch: int) -> Array:
    parts = track(slices.batches(batch), f"features of {Path(slices.name).name}", -(-len(slices) // batch))
    return np.concatenate([extractor(images) for images in parts])
