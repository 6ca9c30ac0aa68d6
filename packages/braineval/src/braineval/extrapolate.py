"""Features with people of two sides in, the Fréchet distance extrapolated to infinitely many people out.

The estimate's bias falls as 1/n (Chong and Forsyth 2020, CVPR). Slices of one person are alike, so n counts people:
random subsets of people of both sides, a straight line through the distances against 1/share, its value at zero.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.frechet import feature_distance

Features = npt.NDArray[np.float32]
Units = npt.NDArray[np.intp]
SHARES = (0.25, 0.3, 0.375, 0.5, 0.7, 1.0)
REPEATS = 3
GROUPS = 10
FEWEST_PEOPLE = 8


def extrapolated(first: Features, second: Features, units: tuple[Units, Units], rng: np.random.Generator) -> float:
    """Return the distance at infinitely many people; near zero, and possibly below, for equal distributions."""
    shares, distances = [], []
    for share in SHARES:
        for _ in range(1 if share == 1.0 else REPEATS):
            a, b = (side[_some(unit, share, rng)] for side, unit in zip((first, second), units, strict=True))
            shares.append(share)
            distances.append(feature_distance(a, b))
    slope_and_value = np.polyfit(1 / np.array(shares), np.array(distances), 1)
    return float(slope_and_value[1])


def jackknife_interval(
    value: float, first: Features, second: Features, units: tuple[Units, Units], seed: int
) -> tuple[float, float]:
    """Return the 95 % interval of `extrapolated`, a tenth of the people of both sides left out at a time.

    A bootstrap would repeat people, which the extrapolation takes for a narrower distribution; leaving out does not.
    """
    groups = [np.random.default_rng(seed + i).permutation(int(unit.max()) + 1) % GROUPS for i, unit in enumerate(units)]
    left = []
    for group in range(GROUPS):
        kept = [group != numbers[unit] for numbers, unit in zip(groups, units, strict=True)]
        sides = (first[kept[0]], second[kept[1]])
        renumbered = tuple(
            np.unique(unit[keep], return_inverse=True)[1] for unit, keep in zip(units, kept, strict=True)
        )
        left.append(extrapolated(*sides, (renumbered[0], renumbered[1]), np.random.default_rng(seed)))
    spread = np.sqrt((GROUPS - 1) / GROUPS * ((np.array(left) - np.mean(left)) ** 2).sum())
    return float(value - 1.96 * spread), float(value + 1.96 * spread)


def _some(units: Units, share: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return which slices belong to a random `share` of the people."""
    people = int(units.max()) + 1
    return np.isin(units, rng.permutation(people)[: max(2, round(share * people))])
