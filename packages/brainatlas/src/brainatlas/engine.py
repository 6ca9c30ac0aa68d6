"""Nothing in, ANTsPy with one ITK thread and a fixed seed out: the only door through which this package imports ants.

ANTs gives equal bits only with one ITK thread and a seed, both read from the environment, so they are set before the
first import. Work is spread over scans instead of threads.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from brainatlas.geometry import LPS, Matrix, zooms

SEED = 42


def load_ants() -> ModuleType:
    """Return the module ``ants``, imported so that equal inputs give equal bits."""
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    os.environ["ANTS_RANDOM_SEED"] = str(SEED)
    import ants

    return ants


def to_ants(data: npt.NDArray[np.generic], affine: Matrix) -> Any:
    """Return an ANTsImage (float32) of `data`, shape (i, j, k), with the world of `affine` (voxel → RAS mm)."""
    ants = load_ants()
    lps = LPS @ affine
    spacing = zooms(affine)
    return ants.from_numpy(
        np.ascontiguousarray(data, dtype=np.float32),
        origin=tuple(float(value) for value in lps[:3, 3]),
        spacing=tuple(float(value) for value in spacing),
        direction=lps[:3, :3] / spacing,
    )


@contextmanager
def scratch(prefix: str = "brainatlas-") -> Iterator[Path]:
    """Yield a temporary folder that ANTs' by-products go to; it is removed, so that nothing piles up."""
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        yield Path(folder)
