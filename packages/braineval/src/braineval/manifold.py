"""Two sets of features in, the share of one that lies on the other's manifold out (Kynkäänniemi et al. 2019).

A set's manifold is the union of balls around its features, each as wide as the distance to its k-th neighbour.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.features import feature_pair
from braineval.floor import real_floor
from braineval.resample import share_interval
from braineval.score import NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Slices

Array = npt.NDArray[np.float32]
NEIGHBOURS = 3
ROWS = 1024


def squared_distances(first: Array, second: Array) -> npt.NDArray[np.float64]:
    """Return squared Euclidean distances, (n, d), (m, d) → (n, m)."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return squares.clip(min=0)


def on_manifold(points: Array, support: Array, neighbours: int = NEIGHBOURS) -> npt.NDArray[np.float64]:
    """Return 1 for each of `points`, shape (n, d), inside the manifold of `support`, shape (m, d), else 0."""
    radii = np.concatenate(
        [
            np.partition(squared_distances(support[start : start + ROWS], support), neighbours, axis=1)[:, neighbours]
            for start in range(0, len(support), ROWS)
        ]
    )
    inside = [
        (squared_distances(points[start : start + ROWS], support) <= radii).any(axis=1)
        for start in range(0, len(points), ROWS)
    ]
    return np.concatenate(inside).astype(np.float64)


def manifold_score(name: str, real: Slices, generated: Slices, settings: Settings, of_generated: bool) -> Score:
    """Return precision (generated slices on the real manifold) or recall (the other way about).

    Raises
    ------
    NotDefinedError
        Fewer slices on a side than a manifold needs.
    """
    fewest = min(len(real) // 2, len(generated))
    if fewest <= NEIGHBOURS:
        raise NotDefinedError(f"{name} wants more than {NEIGHBOURS} slices a side, there are {fewest}: generate more")
    pair = feature_pair(real, generated, settings, "built-in")
    rng = np.random.default_rng(settings.seed)
    points, support = (pair.generated, pair.real) if of_generated else (pair.real, pair.generated)
    values = on_manifold(points, support)

    def floor(first: npt.NDArray[np.intp], second: npt.NDArray[np.intp]) -> float:
        sides = (second, first) if of_generated else (first, second)
        return float(on_manifold(pair.real[sides[0]], pair.real[sides[1]]).mean())

    return Score(
        metric=f"{name}-{pair.extractor.name}",
        value=float(values.mean()),
        ci95=share_interval(values, (generated if of_generated else real).units, settings.draws, rng),
        floor=real_floor(real.units, len(generated), floor, settings.floor_draws, rng),
        n_real=len(real),
        n_generated=len(generated),
        people_real=real.people,
        people_generated=generated.people,
        extractor=pair.extractor.name,
        extractor_sha256=pair.extractor.sha256,
        preprocessing=f"{pair.extractor.preprocessing}; {NEIGHBOURS} nearest neighbours",
        seed=settings.seed,
        higher_is_better=True,
    )
