"""Whether the slices show the structures their captions name: F1 of presence, by a network that learned it from REAL.

The network is trained on the slices and captions of REAL's training people; the floor "people" is its F1 on people it
has not seen, "halves" on unseen slices of people it has seen: no generated set can be judged better than that. The
protocol also says what is left when real captions are exchanged between slices of one plane and position.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braineval.asked import asked_volumes
from braineval.heldout import split_people
from braineval.resample import LOWEST_UNITS, person_weights
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Slices, same_size
from braineval.structure_reader import ReaderSettings, StructureReader, agreement, f1, train_reader

KEPT_BACK = 0.1
FEWEST = 50
BAND_MM = 6.0


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Real slices, the reader trained on them, its own F1 on others, and that in words."""

    real: Slices
    reader: StructureReader
    floor: Floor
    said: str


# The judge of the last folder of real slices; it holds them, so that no other reader can take their place in memory.
_last: dict[tuple[int, bytes, int], Judge] = {}


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the F1 of the structures found in `generated` against those its captions name.

    Raises
    ------
    NotDefinedError
        Captions that name structures are missing, or training slices with them.
    """
    same_size(real, generated)
    asking, volumes = _captioned(generated, fewest=1)
    judge = _judge(real, settings)
    found = judge.reader.present(asking, settings.batch)
    counts = agreement(found, judge.reader.named(volumes))
    rng = np.random.default_rng(settings.seed)
    return Score(
        metric="caption-adherence",
        value=f1(counts),
        ci95=_interval(counts, asking.units, settings.draws, rng),
        floor=judge.floor,
        n_real=len(real),
        n_generated=len(asking),
        people_real=real.people,
        people_generated=asking.people,
        preprocessing=f"grey / 255, 64 × 64; {judge.said}",
        seed=settings.seed,
        higher_is_better=True,
    )


def _captioned(slices: Slices, fewest: int) -> tuple[Slices, list[dict[int, float]]]:
    read = asked_volumes(slices)
    named = [i for i, one in enumerate(read) if one]
    if len(named) < fewest:
        raise NotDefinedError(
            f"{slices.name} holds {len(named)} captions that name structures as `brain caption write` words them, "
            f"wanted {fewest} or more: write captions before rendering"
        )
    return slices.select(named), [one for one in read if one]


def _judge(real: Slices, settings: Settings) -> Judge:
    key = (id(real.reader), real.rows.tobytes(), settings.seed)
    if key not in _last:
        _last.clear()
        _last[key] = _trained(real, settings)
    return _last[key]


def _trained(real: Slices, settings: Settings) -> Judge:
    rng = np.random.default_rng(settings.seed)
    training, held = split_people(real, rng)
    order = rng.permutation(len(training))
    kept = max(1, round(KEPT_BACK * len(training)))
    learned, volumes = _captioned(training.select(order[kept:]), FEWEST)
    reader = train_reader(learned, volumes, rng, ReaderSettings())
    unseen, asked = _captioned(held, 1)
    found, named = reader.present(unseen, settings.batch), reader.named(asked)
    own, exchanged = f1(agreement(found, named)), f1(agreement(found, named[_exchanged(unseen, rng)]))
    seen, seen_asked = _captioned(training.select(order[:kept]), 1)
    halves = f1(agreement(reader.present(seen, settings.batch), reader.named(seen_asked)))
    return Judge(
        real=real,
        reader=reader,
        floor=Floor(halves=halves, people=own, n=(len(seen), len(unseen))),
        said=(
            f"{len(reader.labels)} structures; reader trained here on {len(learned)} real slices of {training.people} "
            f"people, F1 {own:.3f} on {len(unseen)} slices of {held.people} people it has not seen, {exchanged:.3f} "
            f"with their captions exchanged within a plane and {BAND_MM:g} mm"
        ),
    )


def _exchanged(slices: Slices, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Return a random order that exchanges slices only within a plane and a band of positions."""
    position = np.array([np.nan if p is None else float(p) for p in slices.column("position_mm")])
    bands = np.array([f"{p}{b}" for p, b in zip(slices.column("plane"), np.floor(position / BAND_MM), strict=True)])
    order = np.arange(len(slices))
    for band in np.unique(bands):
        members = np.flatnonzero(bands == band)
        order[members] = rng.permutation(members)
    return order


def _interval(
    counts: npt.NDArray[np.float64], units: npt.NDArray[np.intp], draws: int, rng: np.random.Generator
) -> tuple[float, float] | None:
    if int(units.max()) + 1 < LOWEST_UNITS:
        return None
    values = [f1(counts, person_weights(units, rng)) for _ in range(draws)]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
