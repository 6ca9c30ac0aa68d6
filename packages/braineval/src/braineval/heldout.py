"""Real slices in, those of training people and those of people kept aside out."""

from __future__ import annotations

import numpy as np

from braineval.score import NotDefinedError
from braineval.slices import Slices

HELD_OUT = ("validation", "test")
SHARE = 0.25


def split_people(real: Slices, rng: np.random.Generator) -> tuple[Slices, Slices]:
    """Return training slices and slices of people not among them.

    The folder's own split decides (train; validation and test); where it has no held-out people, a quarter of the
    people, drawn by `rng`, is kept aside.

    Raises
    ------
    NotDefinedError
        Fewer than two people are named.
    """
    sides = real.column("split")
    people = np.array([str(person) for person in real.column("person")])
    training, held = sides == "train", np.isin(sides, HELD_OUT)
    # Nobody may stand on both sides, whatever the folder says.
    held &= ~np.isin(people, people[training])
    if training.any() and held.any():
        return real.select(training), real.select(held)
    named = np.unique(people[real.column("person") != np.array(None)])
    if len(named) < 2:
        raise NotDefinedError(
            f"{real.name} names {len(named)} people, wanted two or more to check the classifier on people it has not "
            "seen: render slices of several people"
        )
    aside = rng.permutation(named)[: max(1, round(SHARE * len(named)))]
    chosen = np.isin(people, aside)
    return real.select(~chosen), real.select(chosen)
