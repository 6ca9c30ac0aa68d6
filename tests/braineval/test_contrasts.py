"""Contrasts of one prompt lie between their bounds; few-shot gain is positive for good slices and not for bad ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from braineval import metrics
from braineval.few_shot import predicted
from braineval.score import NotDefinedError
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader

Make = Callable[..., Slices]
QUICK = Settings(draws=50, floor_draws=1)


def changed(original: Slices, pixels: np.ndarray, **columns: object) -> Slices:  # type: ignore[type-arg]
    return from_reader(Arrays(table=original.table.assign(**columns), pixels=pixels), "generated")


@pytest.mark.parametrize("name", ["ncc-contrasts", "nmi-contrasts", "ssim-contrasts"])
def test_contrasts_of_one_prompt_lie_at_the_upper_bound_and_strangers_at_the_lower(name: str, make: Make) -> None:
    real, made = make(people=6), make(people=3, seed=4)
    score = metrics.scorer(name)(real, made, QUICK)
    assert score.n_generated == 3 * 4 * 3, "three pairs of contrasts of every person and position"
    assert score.floor.halves is not None and score.floor.people is not None
    assert score.floor.halves > score.floor.people
    assert score.value == pytest.approx(score.floor.halves, abs=0.1)
    assert score.ci95 is not None and score.ci95[0] <= score.value <= score.ci95[1]


def test_prompts_of_one_contrast_have_no_partner(make: Make) -> None:
    real = make()
    single = real.select(real.column("sequence") == "T1w")
    with pytest.raises(NotDefinedError, match="no prompt in two contrasts"):
        metrics.scorer("ncc-contrasts")(real, single, QUICK)


def hard(make: Make, people: int, seed: int) -> Slices:
    """Slices whose contrasts are hard to tell: faint, under noise that differs between slices."""
    plain = make(people=people, positions=6, seed=seed)
    rng = np.random.default_rng(seed)
    pixels = plain.images().astype(float)
    faint = 90 + 0.35 * (pixels - 90) * (pixels > 0) + rng.normal(0, 25, (len(pixels), 1, 1))
    return changed(plain, np.clip(faint + rng.normal(0, 25, pixels.shape), 0, 255).astype(np.uint8))


def test_more_slices_of_the_kind_help_and_slices_of_wrong_contrast_hurt(make: Make) -> None:
    real, made = hard(make, people=8, seed=0), hard(make, people=6, seed=7)
    score = metrics.scorer("few-shot-gain")(real, made, QUICK)
    without = score.details["without"]
    assert 0.4 < without < 0.9 and "20 paired draws" in score.preprocessing
    assert score.value > 0.03 and score.ci95 is not None and score.ci95[0] > 0
    assert score.floor.people == pytest.approx(score.value, abs=0.1), "as good as other real slices"
    assert score.floor.halves is not None and score.floor.halves < score.value, "more than copies of the same slices"
    wrong = changed(made, made.images(), sequence=np.roll(made.table["sequence"].to_numpy(), 6))
    assert metrics.scorer("few-shot-gain")(real, wrong, QUICK).value < 0


def test_a_task_too_easy_leaves_nothing_to_gain(make: Make) -> None:
    real = make(people=8)
    with pytest.raises(NotDefinedError, match=r"50% to 85%.*with 1,.*too easy or too hard"):
        metrics.scorer("few-shot-gain")(real, make(people=2, seed=3), QUICK)
    with pytest.raises(NotDefinedError, match="share 1 contrasts"):
        metrics.scorer("few-shot-gain")(real, real.select(real.column("sequence") == "T1w"), QUICK)


def test_ridge_tells_two_clouds_apart() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50)
    cloud = rng.normal(0, 1, (100, 20)) + 3.0 * labels[:, None]
    assert (predicted(cloud[::2], labels[::2], cloud[1::2], 0.1) == labels[1::2]).mean() > 0.95
