"""The name of a feature extractor in, the extractor out: every module of this folder is one, found by its file.

A module ``some_name.py`` is the extractor ``some-name``; its ``load(weights)`` returns an `Extractor` or raises
`braineval.score.NotDefinedError` with the instruction how to get the weights. Nothing downloads.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from braincaption.errors import UsageError

__all__ = ["Extractor", "load", "names"]


class Extractor(Protocol):
    """Something that turns 8-bit grey slices into feature vectors."""

    @property
    def name(self) -> str:
        """What distances of these features are named after."""
        ...

    @property
    def sha256(self) -> str:
        """Checksum of the weights."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a feature vector."""
        ...

    @property
    def preprocessing(self) -> str:
        """How a slice becomes the network's input."""
        ...

    def __call__(self, images: npt.NDArray[np.uint8], /) -> npt.NDArray[np.float32]:
        """Return features, (n, h, w) 8-bit grey → (n, dimension)."""
        ...


def names() -> tuple[str, ...]:
    """Return the names of all extractors, sorted."""
    here = Path(__file__).parent
    return tuple(sorted(file.stem.replace("_", "-") for file in here.glob("*.py") if not file.stem.startswith("_")))


def load(name: str, weights: Path | None) -> Extractor:
    """Return extractor `name` with `weights` (a file or folder), or with its own where None.

    Raises
    ------
    UsageError
        No extractor has this name, or its weights are absent.
    """
    if name not in names():
        raise UsageError(f"no extractor is called {name!r}: choose one of {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    extractor: Extractor = module.load(weights)
    return extractor
