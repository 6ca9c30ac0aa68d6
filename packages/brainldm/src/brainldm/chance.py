"""A seed, an epoch and a sample's number in, that sample's random numbers out, whatever process or batch draws them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

_EPOCH_SHIFT = 32  # epoch and sample share one 64-bit word of the key
_ORDER = (1 << 64) - 1  # a key that no sample has


def sample_generator(seed: int, epoch: int, sample: int) -> np.random.Generator:
    """Return the generator of one sample in one epoch (counter-based Philox, so that making one is cheap)."""
    return np.random.Generator(np.random.Philox(key=_key(seed, (epoch << _EPOCH_SHIFT) | sample)))


def epoch_order(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    """Return the order in which epoch `epoch` visits `count` samples."""
    generator = np.random.Generator(np.random.Philox(key=_key(seed, _ORDER ^ epoch)))
    return generator.permutation(count)


def draws(seed: int, count: int, batch: int, step: int) -> list[tuple[int, int]]:
    """Return the (epoch, sample) pairs of global batch `step`; a batch may span two epochs, none is cut short."""
    first = step * batch
    orders: dict[int, npt.NDArray[np.int64]] = {}
    pairs = []
    for position in range(first, first + batch):
        epoch, place = divmod(position, count)
        if epoch not in orders:
            orders[epoch] = epoch_order(seed, epoch, count)
        pairs.append((epoch, int(orders[epoch][place])))
    return pairs


def image_noise(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the starting noise of the image with seed `seed`, shape (1, *shape)."""
    return torch.randn((1, *shape), generator=image_generator(seed))


def image_generator(seed: int) -> torch.Generator:
    """Return the CPU generator of the image with seed `seed`: the same on every device and in any batch."""
    return torch.Generator().manual_seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator inside the block (for initial weights), and give it back as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _key(seed: int, word: int) -> npt.NDArray[np.uint64]:
    return np.array([seed, word], dtype=np.uint64)
