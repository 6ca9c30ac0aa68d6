"""Metrics on synthetic slices with known answers, each score with its counts, interval and floors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from braineval import metrics
from braineval.score import FIELDS, NotDefinedError
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader

Make = Callable[..., Slices]
QUICK = Settings(draws=100, floor_draws=2)
PAIRED = ("ssim", "ssim-brain", "psnr", "nmi", "ncc")


def changed(original: Slices, pixels: np.ndarray, name: str = "generated") -> Slices:  # type: ignore[type-arg]
    return from_reader(Arrays(table=original.table, pixels=pixels), name)


@pytest.mark.parametrize("name", PAIRED)
def test_a_copy_scores_best_and_noise_worse(name: str, make: Make) -> None:
    real = make()
    rng = np.random.default_rng(0)
    pixels = real.images()
    noisy = np.clip(pixels + rng.normal(0, 30, pixels.shape), 0, 255).astype(np.uint8)
    score = metrics.scorer(name)
    copy, worse = score(real, changed(real, pixels), QUICK), score(real, changed(real, noisy), QUICK)
    assert copy.value == pytest.approx(58.9 if name == "psnr" else 1.0, rel=1e-3)
    assert worse.value < copy.value
    assert copy.floor.people is not None and copy.floor.people < copy.value
    assert worse.ci95 is not None and worse.ci95[0] <= worse.value <= worse.ci95[1]


def test_score_has_the_keys_of_the_contract(tmp_path: Path, make: Make) -> None:
    real = make()
    score = metrics.scorer("ssim")(real, real, QUICK)
    score.write(tmp_path / "ssim.json")
    record = json.loads((tmp_path / "ssim.json").read_text())
    assert tuple(record) == FIELDS
    assert (record["n_real"], record["people_real"], record["seed"]) == (48, 4, 0)
    assert set(record["floor"]) == {"halves", "people", "n"}


def test_contrast_accuracy_counts_the_swapped_contrasts(make: Make) -> None:
    real, asked = make(people=8), make(people=4, seed=3, name="generated")
    table = asked.table
    wrong = np.arange(len(table)) % 6 == 0
    table.loc[wrong, "sequence"] = table.loc[wrong, "sequence"].map({"T1w": "T2w", "T2w": "FLAIR", "FLAIR": "T1w"})
    score = metrics.scorer("contrast-accuracy")(
        real, from_reader(Arrays(table=table, pixels=asked.images()), "generated"), QUICK
    )
    assert score.floor.people == 1.0
    assert score.value == pytest.approx(1 - wrong.mean())
    assert "right on 100.0% of 24 slices of 2 people" in score.preprocessing


def test_contrast_accuracy_of_all_right_keeps_an_honest_interval(make: Make) -> None:
    real = make(people=4)
    score = metrics.scorer("contrast-accuracy")(real, real, QUICK)
    assert score.value == 1.0
    assert score.ci95 is not None and score.ci95[0] < 0.6


def test_multiscale_refuses_small_slices_and_names_ssim(make: Make) -> None:
    real = make(people=2, positions=1, size=160)
    with pytest.raises(NotDefinedError, match=r"161 pixels.*160.*use ssim"):
        metrics.scorer("ms-ssim")(real, real, QUICK)
    large = make(people=2, positions=1, size=161)
    assert metrics.scorer("ms-ssim")(large, large, QUICK).value == pytest.approx(1)


def test_diversity_of_one_repeated_slice_is_one(make: Make) -> None:
    real = make()
    same = np.repeat(real.images([0]), len(real), axis=0)
    score = metrics.scorer("ssim-diversity")
    collapsed = score(real, changed(real, same), QUICK)
    assert collapsed.value == pytest.approx(1)
    assert collapsed.floor.people is not None and collapsed.floor.people < 0.9


def test_no_common_key_is_refused(make: Make) -> None:
    real = make()
    table = real.table.assign(volume_id="elsewhere")
    foreign = from_reader(Arrays(table=table, pixels=real.images()), "generated")
    with pytest.raises(Exception, match="no slice of generated has the key"):
        metrics.scorer("psnr")(real, foreign, QUICK)


def test_two_sizes_are_refused_with_the_remedy(make: Make) -> None:
    with pytest.raises(Exception, match=r"64×64 slices, generated 32×32.*--size 32"):
        metrics.scorer("ssim")(make(), make(size=32, name="generated"), QUICK)
