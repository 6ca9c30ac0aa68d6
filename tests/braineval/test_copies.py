"""Memorisation finds planted copies; extrapolation goes to zero for equal distributions; refusals name the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from braineval import metrics
from braineval.extrapolate import extrapolated, jackknife_interval
from braineval.features import feature_pair
from braineval.frechet import feature_distance
from braineval.network import SliceNetwork
from braineval.score import NotDefinedError
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader

Make = Callable[..., Slices]
QUICK = Settings(draws=20, floor_draws=1)


def textured(make: Make, people: int, seed: int) -> Slices:
    """Slices whose every picture has a texture of its own, so that no two are alike by chance."""
    plain = make(people=people, positions=5, seed=seed)
    rng = np.random.default_rng(seed + 1000)
    coarse = rng.normal(0, 60, (len(plain), 8, 8)).repeat(8, axis=1).repeat(8, axis=2)
    pixels = np.clip(plain.images() + coarse * (plain.images() > 0), 0, 255).astype(np.uint8)
    return from_reader(Arrays(table=plain.table, pixels=pixels), plain.name)


def test_memorisation_finds_exact_shifted_and_brightened_copies_only(make: Make) -> None:
    real = textured(make, people=8, seed=0)
    fresh = textured(make, people=4, seed=9)
    copies = real.images()[:30]  # the first two people are training people
    planted = [
        copies[:10],
        np.roll(copies[10:20], (3, -2), axis=(1, 2)),
        np.clip(copies[20:30] * 1.15, 0, 255).astype(np.uint8),
    ]
    pixels = np.concatenate([*planted, fresh.images()[:30]])
    made = from_reader(Arrays(table=fresh.table.iloc[:60].reset_index(drop=True), pixels=pixels), "generated")
    score = metrics.scorer("memorisation")(real, made, QUICK)
    flagged = np.array(score.details["distance"]) <= score.details["threshold"]
    assert flagged[:30].all()
    assert not flagged[30:].any()
    assert score.details["nearest"][:10] == list(range(10))
    assert score.value == pytest.approx(0.5)
    assert score.floor.people is not None and score.floor.people <= 0.05


def test_extrapolated_distance_of_one_distribution_holds_zero_where_the_plain_one_does_not() -> None:
    rng = np.random.default_rng(0)

    def sample(people: int) -> np.ndarray:  # type: ignore[type-arg]
        # Five slices a person, alike among themselves.
        own = rng.standard_normal((people, 16)).repeat(5, axis=0)
        return (own + 0.5 * rng.standard_normal((5 * people, 16))).astype(np.float32)

    first, second = sample(200), sample(200)
    units = (np.arange(1000) // 5, np.arange(1000) // 5)
    plain = feature_distance(first, second)
    value = extrapolated(first, second, units, np.random.default_rng(0))
    low, high = jackknife_interval(value, first, second, units, seed=0)
    assert low <= 0 <= high
    assert abs(value) < plain / 2
    apart = extrapolated(first, second + 1, units, np.random.default_rng(0))
    assert apart == pytest.approx(16, rel=0.2)


def test_distance_is_small_for_equal_people_and_grows_with_blur(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    real, same = make(people=4), make(people=4, seed=5, name="generated")
    blurred = torch.nn.functional.avg_pool2d(torch.from_numpy(same.images()).float().unsqueeze(1), 5, 1, 2)
    soft = from_reader(Arrays(table=same.table, pixels=blurred[:, 0].numpy().astype(np.uint8)), "generated")
    near, far = (metrics.scorer("frechet")(real, side, QUICK) for side in (same, soft))
    assert near.metric == "frechet-built-in" and near.extractor_sha256 is not None and len(near.extractor_sha256) == 64
    assert near.value < far.value
    assert near.ci95 is not None and near.ci95[0] < near.value < near.ci95[1]
    said = capsys.readouterr().err
    assert "48 slices for 128 features" in said
    assert f"halves {near.floor.halves:.4g}, people {near.floor.people:.4g}" in said
    kernels = [metrics.scorer("kernel")(real, side, QUICK).value for side in (same, soft)]
    assert kernels[0] < kernels[1]


def test_precision_and_recall_fall_for_noise_and_for_one_repeated_slice(make: Make) -> None:
    real = make(people=4)
    noise = np.random.default_rng(0).integers(0, 255, real.images().shape).astype(np.uint8)
    strange = from_reader(Arrays(table=real.table, pixels=noise), "generated")
    one = from_reader(Arrays(table=real.table, pixels=real.images([0] * len(real))), "generated")
    assert metrics.scorer("precision")(real, strange, QUICK).value == 0
    assert metrics.scorer("recall")(real, real, QUICK).value == 1
    assert metrics.scorer("recall")(real, one, QUICK).value < 0.2


def test_fid_without_weights_says_where_to_get_them(make: Make, tmp_path: Path) -> None:
    real = make(people=2)
    absent = Settings(weights=tmp_path / "absent.pth")
    with pytest.raises(NotDefinedError, match=r"absent.pth is not there: download https.*--weights.*frechet"):
        metrics.scorer("fid")(real, real, absent)
    wrong = tmp_path / "wrong.pth"
    torch.save({"weight": torch.zeros(1)}, wrong)
    with pytest.raises(Exception, match="does not hold the FID Inception weights"):
        metrics.scorer("fid")(real, real, Settings(weights=wrong))
    with pytest.raises(Exception, match="only Inception distances are called FID"):
        metrics.scorer("fid")(real, real, Settings(extractor="built-in"))


def test_features_that_are_not_finite_are_refused(make: Make, tmp_path: Path) -> None:
    network = SliceNetwork(2)
    with torch.no_grad():
        next(network.parameters()).fill_(torch.nan)
    save_file(network.state_dict(), tmp_path / "broken.safetensors")
    real = make(people=2)
    with pytest.raises(Exception, match=r"not finite.*--weights"):
        feature_pair(real, real, Settings(weights=tmp_path / "broken.safetensors"), "built-in")


def test_too_few_people_or_slices_are_refused(make: Make) -> None:
    real = make(people=4)
    with pytest.raises(NotDefinedError, match="8 people a side, there are 4"):
        metrics.scorer("frechet-infinite")(real, real, QUICK)
    with pytest.raises(NotDefinedError, match="20 training and 20 held-out"):
        metrics.scorer("memorisation")(real.select(range(24)), real, QUICK)
    with pytest.raises(NotDefinedError, match="names 1 people"):
        metrics.scorer("contrast-accuracy")(real.select(range(12)), real, QUICK)


def test_slices_that_show_nothing_are_not_judged(make: Make) -> None:
    real = textured(make, people=8, seed=0)
    fresh = textured(make, people=4, seed=9)
    pixels = fresh.images()
    pixels[:21] = 0
    pixels[20, :4, :4] = 255
    made = from_reader(Arrays(table=fresh.table, pixels=pixels), "generated")
    score = metrics.scorer("memorisation")(real, made, QUICK)
    assert score.n_generated == len(fresh) - 21 and score.value == 0
    assert np.isinf(score.details["distance"][:21]).all()
    with pytest.raises(NotDefinedError, match="slices with a brain"):
        metrics.scorer("memorisation")(real, made.select(range(21)), QUICK)
