"""Real and generated slices in, the questions of a reader study out: balanced, and in an order of each reader's own."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from braincaption.errors import UsageError
from braineval.reader.scale import Scale
from braineval.slices import Slices

Kind = Literal["single", "quality", "pair", "grade"]
Side = Literal["real", "generated"]
QUALITY = tuple(f"{i}" for i in range(6))


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """How large a study is; the numbers of questions and minutes are those of Kim et al. (Controllable-MR).

    Attributes
    ----------
    singles : int
        Single slices, half of them real: real or synthetic, then quality 0 to 5.
    pairs : int
        Forced choices between a real and a synthetic slice of one contrast.
    graded : int
        Slices for the graded scale, if there is one, half of them real.
    minutes : float
        Limit of each part.
    seed : int
    """

    singles: int = 20
    pairs: int = 20
    graded: int = 20
    minutes: float = 30.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A slice of a side, by its row in that folder."""

    side: Side
    row: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One question with one answer.

    Attributes
    ----------
    item : str
        The same for all readers, whatever their order: agreement is counted over it.
    part : int
        Number of the part; each has its own time limit.
    pictures : tuple of Picture
        From left to right.
    choices : tuple of (key, words)
        The answer is the position in it.
    truth : int or None
        The right answer, where there is one.
    """

    item: str
    kind: Kind
    part: int
    question: str
    pictures: tuple[Picture, ...]
    choices: tuple[tuple[str, str], ...]
    truth: int | None


def make_steps(
    real: Slices, generated: Slices, settings: StudySettings, scale: Scale | None, reader: str
) -> tuple[Step, ...]:
    """Return the questions of one reader; equal arguments give equal questions.

    Which slices are shown depends on the seed alone, order and sides on the reader as well.

    Raises
    ------
    UsageError
        Too few slices, or no contrast on both sides.
    """
    rng = np.random.default_rng(settings.seed)
    own = np.random.default_rng([settings.seed, zlib.crc32(reader.encode())])
    parts: list[list[tuple[Step, ...]]] = []
    if settings.singles:
        parts.append(_singles(_balanced(real, generated, settings.singles, rng)))
    if settings.pairs:
        parts.append(_pairs(_matched(real, generated, settings.pairs, rng), own))
    if scale is not None and settings.graded:
        parts.append(_graded(_balanced(real, generated, settings.graded, rng), scale, (real, generated)))
    if not parts:
        raise UsageError("a study of no questions: give --singles, --questions or --scale")
    steps: list[Step] = []
    for number, items in enumerate(parts):
        for i in own.permutation(len(items)):
            steps += [Step(**{**vars(step), "part": number}) for step in items[i]]
    return tuple(steps)


def _singles(pictures: list[Picture]) -> list[tuple[Step, ...]]:
    return [
        (
            Step(
                item=f"single-{i:03d}",
                kind="single",
                part=0,
                question="Is this slice real or synthetic?",
                pictures=(picture,),
                choices=(("R", "real"), ("S", "synthetic")),
                truth=0 if picture.side == "real" else 1,
            ),
            Step(
                item=f"quality-{i:03d}",
                kind="quality",
                part=0,
                question="How good is its quality, from 0 (useless) to 5 (excellent)?",
                pictures=(picture,),
                choices=tuple((grade, "") for grade in QUALITY),
                truth=None,
            ),
        )
        for i, picture in enumerate(pictures)
    ]


def _pairs(pairs: list[tuple[int, int]], own: np.random.Generator) -> list[tuple[Step, ...]]:
    # Each side holds the real slice half of the time.
    on_left = own.permutation(np.arange(len(pairs)) % 2 == 0)
    made: list[tuple[Step, ...]] = []
    for i, (real, generated) in enumerate(pairs):
        pictures = (Picture(side="real", row=real), Picture(side="generated", row=generated))
        made.append(
            (
                Step(
                    item=f"pair-{i:03d}",
                    kind="pair",
                    part=0,
                    question="Which of the two is real?",
                    pictures=pictures if on_left[i] else pictures[::-1],
                    choices=(("1", "left"), ("2", "right")),
                    truth=0 if on_left[i] else 1,
                ),
            )
        )
    return made


def _graded(pictures: list[Picture], scale: Scale, sides: tuple[Slices, Slices]) -> list[tuple[Step, ...]]:
    names = {side: folder.column("file_name") for side, folder in zip(("real", "generated"), sides, strict=True)}
    return [
        (
            Step(
                item=f"grade-{i:03d}",
                kind="grade",
                part=0,
                question=scale.question,
                pictures=(picture,),
                choices=tuple((str(grade), words) for grade, words in enumerate(scale.grades)),
                truth=scale.reference.get(str(names[picture.side][picture.row])),
            ),
        )
        for i, picture in enumerate(pictures)
    ]


def _balanced(real: Slices, generated: Slices, count: int, rng: np.random.Generator) -> list[Picture]:
    """Return `count` slices, half of either side, of every contrast the same number as far as it goes."""
    found = []
    sides: tuple[tuple[Side, Slices, int], ...] = (
        ("real", real, (count + 1) // 2),
        ("generated", generated, count // 2),
    )
    for side, slices, wanted in sides:
        if len(slices) < wanted:
            raise UsageError(f"{slices.name} holds {len(slices)} slices, the study wants {wanted}: ask fewer questions")
        found += [Picture(side=side, row=int(row)) for row in _evenly(slices.column("sequence"), wanted, rng)]
    return found


def _evenly(kinds: npt.NDArray[np.object_], wanted: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    order = rng.permutation(len(kinds))
    names = np.array([str(kind) for kind in kinds[order]])
    rank = np.zeros(len(order), dtype=np.intp)
    for name in np.unique(names):
        members = np.flatnonzero(names == name)
        rank[members] = np.arange(len(members))
    return np.sort(order[np.argsort(rank, kind="stable")[:wanted]])


def _positions(slices: Slices) -> npt.NDArray[np.float64]:
    return np.array([np.nan if p is None else float(p) for p in slices.column("position_mm")])


def _matched(real: Slices, generated: Slices, count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return pairs of one contrast and plane, at positions as near as can be; no slice twice."""
    kinds = [
        np.array([f"{s}|{p}" for s, p in zip(side.column("sequence"), side.column("plane"), strict=True)])
        for side in (real, generated)
    ]
    shared = np.flatnonzero(np.isin(kinds[1], kinds[0]))
    if len(shared) < count:
        raise UsageError(
            f"{generated.name} holds {len(shared)} slices of a contrast and plane that {real.name} has, the study "
            f"wants {count}: ask fewer --questions"
        )
    chosen = shared[_evenly(kinds[1][shared].astype(object), count, rng)]
    position = [_positions(side) for side in (real, generated)]
    free = np.ones(len(real), dtype=bool)
    pairs = []
    for one in chosen:
        others = rng.permutation(np.flatnonzero(free & (kinds[0] == kinds[1][one])))
        if not len(others):
            raise UsageError(f"{real.name} holds too few slices of {kinds[1][one]}: ask fewer --questions")
        distance = np.abs(position[0][others] - position[1][one])
        near = int(others[0] if np.isnan(distance).all() else others[int(np.nanargmin(distance))])
        free[near] = False
        pairs.append((near, int(one)))
    return pairs
