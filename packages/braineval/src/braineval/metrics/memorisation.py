"""Share of generated slices nearer to a training slice than slices of unseen people are: copies, near 0 is good.

Candidates by the built-in extractor and by Fourier magnitudes, then correlation over small shifts; brightness does not
matter. The threshold is half the first percentile of the distances of REAL's held-out people; the floor "people" is
the share flagged among held-out slices that did not set it, "halves" the share among training slices themselves.
Slices that show next to nothing (less than 1 % of the picture) are alike in all people and are not judged.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from braineval.features import extract, load_once
from braineval.heldout import split_people
from braineval.nearest import Looks, looks, nearest
from braineval.resample import share_interval
from braineval.score import Floor, NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Slices, same_size

FALSE_ALARMS = 0.01
# People differ in how near they come: the percentile of a few is not that of others. Copies lie far below either.
MARGIN = 0.5
FEWEST = 20
# A slice with less of its pixels above a twentieth of white than this is nobody's copy: it shows nothing of anybody.
LEAST_SHOWN = 0.01
DARK = 255 / 20


def score(real: Slices, generated: Slices, settings: Settings) -> Score:
    """Return the share of near-copies among `generated`.

    Raises
    ------
    NotDefinedError
        Fewer than twenty training or held-out slices.
    """
    same_size(real, generated)
    rng = np.random.default_rng(settings.seed)
    training, held = split_people(real, rng)
    held, judged = held.select(_shows(held, settings.batch)), _shows(generated, settings.batch)
    if not judged.any():
        raise NotDefinedError(
            f"no slice of {generated.name} shows more than {LEAST_SHOWN:.0%} of its pixels: give slices with a brain"
        )
    if min(len(training), len(held)) < FEWEST:
        raise NotDefinedError(
            f"memorisation wants {FEWEST} training and {FEWEST} held-out slices, {real.name} has {len(training)} and "
            f"{len(held)}: render more"
        )
    extractor = load_once(*settings.chosen_extractor("built-in"))
    pool, aside, drawn = (
        looks(side, extract(extractor, side, settings.batch, settings.store), settings.batch)
        for side in (training, held, generated)
    )
    setting, checking = _two_sides(held.units, rng)
    distances = nearest(aside, pool)[0]
    threshold = calibrate(distances[setting])
    found, places = nearest(drawn, pool)
    found[~judged] = np.inf
    flagged = (found[judged] <= threshold).astype(np.float64)
    return Score(
        metric="memorisation",
        value=float(flagged.mean()),
        ci95=share_interval(flagged, np.unique(generated.units[judged], return_inverse=True)[1], settings.draws, rng),
        floor=Floor(
            halves=_among(pool, np.flatnonzero(_shows(training, settings.batch)), threshold),
            people=float((distances[checking] <= threshold).mean()),
            n=(len(pool), len(checking)),
        ),
        n_real=len(training),
        n_generated=int(judged.sum()),
        people_real=training.people,
        people_generated=generated.people,
        extractor=extractor.name,
        extractor_sha256=extractor.sha256,
        preprocessing=(
            f"{extractor.preprocessing}; distance 1 - correlation over shifts of 4 of 64 pixels; threshold "
            f"{threshold:.4g} from {len(setting)} slices of held-out people"
        ),
        seed=settings.seed,
        higher_is_better=False,
        details={"distance": found.tolist(), "nearest": training.rows[places].tolist(), "threshold": threshold},
    )


def _shows(slices: Slices, batch: int) -> npt.NDArray[np.bool_]:
    """Return which slices show enough to be judged, shape (n,)."""
    shares = [(images > DARK).mean(axis=(1, 2)) for images in slices.batches(batch)]
    return np.concatenate(shares) >= LEAST_SHOWN


def calibrate(distances: npt.NDArray[np.float32]) -> float:
    """Return half the distance below which at most one held-out slice in a hundred lies."""
    ordered = np.sort(distances)
    allowed = int(FALSE_ALARMS * len(ordered))
    # Halfway between the last slice that may be flagged and the first that may not.
    lower = ordered[allowed - 1] if allowed else 0.0
    return float(MARGIN * (lower + ordered[allowed]) / 2)


def _two_sides(
    units: npt.NDArray[np.intp], rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return slices that set the threshold and slices that check it: of different people where there are two."""
    people = rng.permutation(int(units.max()) + 1)
    if len(people) > 1:
        first = np.isin(units, people[: (len(people) + 1) // 2])
        return np.flatnonzero(first), np.flatnonzero(~first)
    order = rng.permutation(len(units))
    return order[::2], order[1::2]


def _among(pool: Looks, shown: npt.NDArray[np.intp], threshold: float) -> float:
    """Return the share of the training slices `shown` that lie within the threshold of another training slice."""
    some = shown[:: max(1, len(shown) // 500)]
    itself = some[:, None] == np.arange(len(pool))[None]
    return float((nearest(pool.select(some), pool, itself)[0] <= threshold).mean())
