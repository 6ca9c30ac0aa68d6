"""People in, their side (train, validation or test) out; and from the sides of two people, the split of a row.

Three rules hold, and tests assert them. The side is the image person's, so that repeats of a person share it. A row
whose image person and space person are on different sides goes to split ``cross``, outside the other three. People
whose manual labels were carried anywhere are in train.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from braincaption.render.settings import SplitSettings

SIDES = ("train", "validation", "test")
CROSS = "cross"
SPLITS = (*SIDES, CROSS)


def person_sides(people: Iterable[str], labelled: Collection[str], settings: SplitSettings) -> dict[str, str]:
    """Return the side of every person.

    People are walked through cohort by cohort, each cohort in an order drawn by a hash of person and seed, and given
    to the side that lags furthest behind its share: so every cohort is spread over the sides as evenly as it goes.

    Parameters
    ----------
    people : iterable of str
        Person keys, ``cohort/person``.
    labelled : collection of str
        Those whose manual labels were carried anywhere: always train, whatever the shares.
    settings : SplitSettings

    Returns
    -------
    dict of str to str
        When three or more people are free to be placed (not in `labelled`), no side is empty.

    Examples
    --------
    >>> sides = person_sides(["a/1", "a/2", "a/3", "b/1"], {"b/1"}, SplitSettings())
    >>> sides["b/1"], sorted(set(sides.values()))
    ('train', ['test', 'train', 'validation'])
    """
    everyone = set(people)
    sides = dict.fromkeys(everyone & set(labelled), "train")
    free = sorted(everyone - set(sides), key=lambda person: _draw(person, settings.seed))
    quotas = _quotas(len(everyone), len(free), settings)
    given = [0, 0, 0]
    for step, person in enumerate(free, start=1):
        lag = [quota * step / len(free) - has for quota, has in zip(quotas, given, strict=True)]
        side = lag.index(max(lag))
        given[side] += 1
        sides[person] = SIDES[side]
    return sides


def _draw(person: str, seed: int) -> tuple[str, bytes]:
    cohort = person.partition("/")[0]
    return cohort, hashlib.blake2b(f"{seed}\t{person}".encode(), digest_size=8).digest()


def _quotas(everyone: int, free: int, settings: SplitSettings) -> tuple[int, int, int]:
    """Return how many of the `free` people go to each side; the others are in train already."""
    if free == 0:
        return 0, 0, 0
    spare = free - 1 if free == everyone or free >= 3 else free  # train wants somebody too
    validation = max(round(settings.validation * everyone), 1)
    test = max(round(settings.test * everyone), 1)
    if validation + test > spare:  # too few people; the last one left is for test, which the scores need
        share = settings.test / (settings.test + settings.validation)
        test = min(max(round(spare * share), 1), max(spare - 1, 1), spare)
        validation = spare - test
    return free - validation - test, validation, test


def row_splits(image_subjects: Sequence[str], space_subjects: Sequence[str], sides: Mapping[str, str]) -> list[str]:
    """Return the split of each row: the side both people share, or ``cross``."""
    return [
        sides[image] if sides[image] == sides[space] else CROSS
        for image, space in zip(image_subjects, space_subjects, strict=True)
    ]


def volume_splits(catalog: pa.Table, settings: SplitSettings) -> dict[str, str]:
    """Return the split of every volume of a catalog or slice table, by ``volume_id``.

    Parameters
    ----------
    catalog : pyarrow.Table
        With ``volume_id``, ``image_subject``, ``space_subject``, ``label_subjects``.
    settings : SplitSettings
    """
    images, spaces = catalog["image_subject"].to_pylist(), catalog["space_subject"].to_pylist()
    labelled = {person for people in catalog["label_subjects"].to_pylist() for person in people or ()}
    sides = person_sides({*images, *spaces, *labelled}, labelled, settings)
    splits = row_splits(images, spaces, sides)
    return dict(zip(catalog["volume_id"].to_pylist(), splits, strict=True))


def random_splits(keys: npt.NDArray[np.uint64], settings: SplitSettings) -> npt.NDArray[np.uint8]:
    """Return the paper's split, which leaks: each row drawn by itself, whoever's brain it shows.

    Parameters
    ----------
    keys : ndarray of uint64, shape (rows,)
        Uniform hash of each row's key and the seed.

    Returns
    -------
    ndarray of uint8, shape (rows,)
        Index into `SIDES`.
    """
    bounds = np.cumsum(settings.shares)[:2]
    return np.searchsorted(bounds, keys.astype(np.float64) / 2.0**64, side="right").astype(np.uint8)
