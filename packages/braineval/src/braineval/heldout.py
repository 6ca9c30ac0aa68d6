"""Real slices in, those of training people and those of people kept aside out: the ground of every trained judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from braineval.score import NotDefinedError
from braineval.settings import Settings
from braineval.slices import Slices

HELD_OUT = ("validation", "test")
SHARE = 0.25
KEPT_BACK = 0.1
Judge = TypeVar("Judge")


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Real slices of three kinds.

    Attributes
    ----------
    learned : Slices
        What a judge is trained on.
    seen : Slices
        Other slices of the same people: the floor "halves" of a judge is measured on them.
    unseen : Slices
        Slices of people the judge has not seen: the floor "people".
    """

    learned: Slices
    seen: Slices
    unseen: Slices

    @property
    def people(self) -> int:
        """Number of people a judge is trained on."""
        return self.learned.people


class Kept(Generic[Judge]):
    """The judge trained last: a report asks it about every folder of generated slices.

    It holds the slices it was trained on, so that no other reader can take their place in memory and with it their
    key.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[object, ...], tuple[Slices, Judge]] = {}

    def get(self, real: Slices, settings: Settings, train: Callable[[Slices, Settings], Judge]) -> Judge:
        """Return the judge of `real`, trained now unless it was the last one."""
        key = (id(real.reader), real.rows.tobytes(), settings.seed, settings.segmenter)
        if key not in self._last:
            self._last.clear()
            self._last[key] = (real, train(real, settings))
        return self._last[key][1]


def hold_out(real: Slices, rng: np.random.Generator) -> HeldOut:
    """Divide `real` by people, then keep a tenth of the training slices back.

    Raises
    ------
    NotDefinedError
        Fewer than two people are named.
    """
    training, held = split_people(real, rng)
    order = rng.permutation(len(training))
    kept = max(1, round(KEPT_BACK * len(training)))
    return HeldOut(learned=training.select(order[kept:]), seen=training.select(order[:kept]), unseen=held)


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
