"""Slice keys in, one uniform 64-bit number each out: how slices are drawn, whatever the order or the sharding."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from braincaption.schema import PLANES

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))

Draws = npt.NDArray[np.uint64]


def volume_draws(volume_ids: Sequence[str], seed: int) -> Draws:
    """Return a hash of seed and volume for each of `volume_ids`."""
    digests = [hashlib.blake2b(f"{seed}\t{name}".encode(), digest_size=8).digest() for name in volume_ids]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def slice_draws(volumes: Draws, planes: npt.NDArray[np.integer], indices: npt.NDArray[np.integer]) -> Draws:
    """Return a hash of every slice key: splitmix64 over the volume's draw, the plane's number and the index.

    Parameters
    ----------
    volumes : ndarray of uint64, shape (rows,)
        `volume_draws` of each row's volume.
    planes : ndarray of int, shape (rows,)
        Position in `braincaption.schema.PLANES`.
    indices : ndarray of int, shape (rows,)
    """
    count = np.uint64(len(PLANES))
    step = indices.astype(np.uint64) * count + planes.astype(np.uint64) + np.uint64(1)
    mixed = volumes + step * _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX[0]
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX[1]
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
