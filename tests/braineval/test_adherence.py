"""Caption adherence: captions read back, a reader that tells structures, and a fall when captions are exchanged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from braineval import metrics
from braineval.asked import asked_volumes
from braineval.score import NotDefinedError
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader

Make = Callable[..., Slices]
QUICK = Settings(draws=20)
# A structure's place in the picture; a caption names it exactly where a bright square is drawn.
PLACES = {10: ("left thalamus", 12), 49: ("right thalamus", 44), 16: ("brainstem", 28)}


def told(make: Make, people: int, seed: int) -> Slices:
    """Slices with random squares, captioned in braincaption's words."""
    plain = make(people=people, positions=16, seed=seed)
    rng = np.random.default_rng(seed)
    pixels, table = plain.images(), plain.table
    for i in range(len(plain)):
        shown = [label for label in PLACES if rng.random() < 0.6] or [16]
        for label in shown:
            column = PLACES[label][1]
            pixels[i, 40:52, column : column + 10] = 250
        named = ", ".join(f"{PLACES[label][0]} [1,205 mm³]" for label in shown)
        table.loc[i, "caption"] = f"Axial T1-weighted MRI; slice 4.5 mm above the origin. Impression: {named}."
    return from_reader(Arrays(table=table, pixels=pixels), "told")


def test_captions_are_read_back_and_free_words_are_not(make: Make) -> None:
    some = told(make, people=1, seed=0)
    table = some.table
    table.loc[0, "caption"] = "a nice brain, please"
    read = asked_volumes(from_reader(Arrays(table=table, pixels=some.images()), "told"))
    assert read[0] is None
    assert read[1] is not None and set(read[1]) <= set(PLACES) and set(read[1].values()) == {1205.0}


def test_adherence_is_high_for_true_captions_and_falls_for_exchanged_ones(make: Make) -> None:
    real, made = told(make, people=6, seed=0), told(make, people=2, seed=9)
    score = metrics.scorer("caption-adherence")(real, made, QUICK)
    assert score.value > 0.95
    assert score.floor.people is not None and score.floor.people > 0.95
    table = made.table
    table["caption"] = np.roll(table["caption"].to_numpy(), 7)
    wrong = metrics.scorer("caption-adherence")(
        real, from_reader(Arrays(table=table, pixels=made.images()), "wrong"), QUICK
    )
    assert wrong.value < score.value - 0.2
    assert "exchanged" in wrong.preprocessing


def test_slices_without_captions_of_ours_are_refused(make: Make) -> None:
    real = make(people=4)
    with pytest.raises(NotDefinedError, match="0 captions that name structures"):
        metrics.scorer("caption-adherence")(real, real, QUICK)
