"""Field strength accuracy: what is asked and seen, known answers on slices whose grey tells the field."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from braineval import metrics
from braineval.score import NotDefinedError
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader

QUICK = Settings(draws=100, floor_draws=2)


def with_fields(slices: Slices, stated: np.ndarray, shown: np.ndarray) -> Slices:
    """Return slices that state one field strength and look, by their brightness, like another."""
    pixels = np.where((shown < 1)[:, None, None], slices.images() // 2, slices.images())
    return from_reader(Arrays(table=slices.table.assign(field_strength_t=stated), pixels=pixels), slices.name)


def test_field_strength_accuracy_counts_the_swapped_ones(make: Callable[..., Slices]) -> None:
    real, drawn = make(people=8), make(people=4, seed=3, name="generated")
    true = np.where(real.units % 2, 3.0, 0.3)
    asked = np.where(np.arange(len(drawn)) % 2, 3.0, 0.3)
    wrong = np.arange(len(drawn)) % 6 == 0
    shown = np.where(wrong, 3.3 - asked, asked)
    made = with_fields(drawn, asked, shown)
    score = metrics.scorer("field-strength-accuracy")(with_fields(real, true, true), made, QUICK)
    assert score.floor.people == 1.0
    assert score.value == pytest.approx(1 - wrong.mean())
    assert score.details["classes"] == ["0.3 T", "3 T"]


def test_without_two_stated_fields_it_is_not_defined(make: Callable[..., Slices]) -> None:
    real = make(people=4)
    scorer = metrics.scorer("field-strength-accuracy")
    with pytest.raises(NotDefinedError, match="states 0 field strengths, wanted two or more"):
        scorer(real, real, QUICK)
    true = np.where(real.units % 2, 3.0, 0.3)
    stated = with_fields(real, true, true)
    with pytest.raises(NotDefinedError, match=r"asks for None, .* holds 0\.3 T, 3 T"):
        scorer(stated, real, QUICK)
