"""Whether the slices show the structures their captions name: F1 of presence, by a network that learned it from REAL.

With ``--segmenter FOLDER`` (`brain eval train-segmenter`) a U-Net finds the structures, and volumes asked are set
against volumes found; without it a small network learns presence from the captions of REAL's training people. The
floor "people" is the judge's F1 on people it has not seen, "halves" on others: nothing can be judged better than that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from braineval.agreement_table import by_structure, in_words, volume_table
from braineval.asked import Volumes, captioned
from braineval.exchange import BAND_MM, exchanged
from braineval.heldout import Kept, hold_out
from braineval.resample import LOWEST_UNITS, person_weights
from braineval.score import Floor, Score
from braineval.segmenter import Segmenter, load_segmenter, person_sums
from braineval.settings import Settings
from braineval.slices import Slices, same_size
from braineval.structure_reader import ReaderSettings, agreement, f1, train_reader

FEWEST = 50
Present = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What finds structures in slices, which labels it knows, its own F1 on real slices, and that in words.

    ``exchanged`` is its F1 on people it has not seen with their captions exchanged.
    """

    labels: tuple[int, ...]
    present: Callable[[Slices], Present]
    floor: Floor
    said: str
    exchanged: float | None = None
    segmenter: Segmenter | None = None

    def named(self, volumes: list[Volumes]) -> Present:
        """Return which of the known structures each caption names, shape (n, labels)."""
        return np.array([[label in one for label in self.labels] for one in volumes], dtype=bool)


_kept: Kept[Judge] = Kept()


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the F1 of the structures found in `generated` against those its captions name.

    Raises
    ------
    NotDefinedError
        Captions that name structures are missing, or training slices with them.
    """
    same_size(real, generated)
    asking, volumes = captioned(generated, fewest=1)
    judge = _kept.get(real, settings, _trained if settings.segmenter is None else _segmenting)
    counts = agreement(judge.present(asking), judge.named(volumes))
    rng = np.random.default_rng(settings.seed)
    details: dict[str, object] = {"exchanged": judge.exchanged}
    said = judge.said
    if judge.segmenter is not None:
        table = volume_table(judge.segmenter, asking, volumes, settings.batch)
        details["by_structure"] = by_structure(table)
        said = f"{said}; asked and found: {in_words(table)}"
    return Score(
        metric="caption-adherence",
        value=f1(counts),
        ci95=_interval(counts, asking.units, settings.draws, rng),
        floor=judge.floor,
        n_real=len(real),
        n_generated=len(asking),
        people_real=real.people,
        people_generated=asking.people,
        extractor=None if judge.segmenter is None else "segmenter",
        extractor_sha256=None if judge.segmenter is None else judge.segmenter.sha256,
        preprocessing=said,
        seed=settings.seed,
        higher_is_better=True,
        details=details,
    )


def _trained(real: Slices, settings: Settings) -> Judge:
    rng = np.random.default_rng(settings.seed)
    sides = hold_out(real, rng)
    learned, volumes = captioned(sides.learned, FEWEST)
    reader = train_reader(learned, volumes, rng, ReaderSettings())

    def present(slices: Slices) -> Present:
        return reader.present(slices, settings.batch)

    blank = Judge(labels=reader.labels, present=present, floor=Floor(halves=None, people=None, n=(0, 0)), said="")
    own, seen = _own(blank, sides.unseen, rng), _own(blank, sides.seen, rng)
    return Judge(
        labels=reader.labels,
        present=present,
        floor=Floor(halves=seen.f1, people=own.f1, n=(seen.n, own.n)),
        said=(
            f"grey / 255, 64 × 64; {len(reader.labels)} structures; reader trained here on {len(learned)} real slices "
            f"of {sides.people} people, {own.words}"
        ),
        exchanged=own.exchanged,
    )


def _segmenting(real: Slices, settings: Settings) -> Judge:
    segmenter = load_segmenter(settings.segmenter)
    about = segmenter.about
    rng = np.random.default_rng(settings.seed)

    def present(slices: Slices) -> Present:
        return segmenter.present(segmenter.pixels(slices, settings.batch))

    blank = Judge(labels=about.labels, present=present, floor=Floor(halves=None, people=None, n=(0, 0)), said="")
    met = np.array([person_sums([str(one)])[0] in about.people_sha256 for one in real.column("person")])
    new, old = (_own(blank, real.select(side), rng) if side.any() else None for side in (~met, met))
    return Judge(
        labels=about.labels,
        present=present,
        floor=Floor(
            halves=old.f1 if old else None,
            people=new.f1 if new else None,
            n=(old.n if old else 0, new.n if new else 0),
        ),
        said=(
            f"{segmenter.preprocessing}; {len(about.labels)} structures; segmenter with a mean Dice of "
            f"{about.mean_dice:.3f} on {about.held_out[0]} slices of {about.held_out[1]} people it has not seen, "
            + (new.words if new else "every person of these real slices was among those it has seen")
        ),
        exchanged=new.exchanged if new else None,
        segmenter=segmenter,
    )


@dataclass(frozen=True, kw_only=True)
class _Own:
    """A judge's F1 on real slices with their own captions, with exchanged ones, and both in words."""

    f1: float
    exchanged: float
    n: int
    words: str


def _own(judge: Judge, slices: Slices, rng: np.random.Generator) -> _Own:
    some, asked = captioned(slices, 1)
    found, named = judge.present(some), judge.named(asked)
    own, wrong = f1(agreement(found, named)), f1(agreement(found, named[exchanged(some, rng)]))
    words = (
        f"F1 {own:.3f} on {len(some)} slices of {some.people} people it has not seen, {wrong:.3f} with their captions "
        f"exchanged within a plane and {BAND_MM:g} mm"
    )
    return _Own(f1=own, exchanged=wrong, n=len(some), words=words)


def _interval(
    counts: npt.NDArray[np.float64], units: npt.NDArray[np.intp], draws: int, rng: np.random.Generator
) -> tuple[float, float] | None:
    if int(units.max()) + 1 < LOWEST_UNITS:
        return None
    values = [f1(counts, person_weights(units, rng)) for _ in range(draws)]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
