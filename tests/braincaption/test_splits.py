"""The three rules of the splits, on any crowd of people and on repeats like Kirby21's."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from braincaption.render.settings import SplitSettings
from braincaption.splits import CROSS, SIDES, person_sides, random_splits, volume_splits

people = st.sets(st.builds("{}/{}".format, st.sampled_from("abc"), st.integers(0, 60)), max_size=80)


def crossed(scans: dict[str, str], labelled: list[str]) -> pa.Table:
    """Every scan in every scan's space."""
    rows = [(f"{i}@{s}", scans[i], scans[s], labelled) for i in scans for s in scans]
    names = ["volume_id", "image_subject", "space_subject", "label_subjects"]
    return pa.table(dict(zip(names, zip(*rows, strict=True), strict=True)))


@given(people, people, st.integers(0, 5))
def test_everyone_has_a_side_and_the_labelled_are_in_train(everyone: set[str], labelled: set[str], seed: int) -> None:
    sides = person_sides(everyone, labelled, SplitSettings(seed=seed))
    assert set(sides) == everyone
    assert all(sides[person] == "train" for person in everyone & labelled)
    free = everyone - labelled
    if len(free) >= 3:
        assert set(sides.values()) == set(SIDES)
    if free and len(everyone) > len(free):
        assert "test" in sides.values()


@pytest.mark.parametrize("free", range(3, 12))
def test_three_free_people_fill_every_side_even_beside_many_labelled(free: int) -> None:
    labelled = {f"atlas/{i}" for i in range(40)}
    sides = person_sides(labelled | {f"new/{i}" for i in range(free)}, labelled, SplitSettings())
    assert {sides[f"new/{i}"] for i in range(free)} == set(SIDES)


def test_the_paper_s_cohorts_are_spread_in_the_paper_s_proportions() -> None:
    sizes = {"ibsr": 18, "oasis": 77, "ixi": 64, "kirby": 21}
    everyone = {f"{cohort}/{i}" for cohort, n in sizes.items() for i in range(n)}
    labelled = {person for person in everyone if person.startswith("ibsr/")}
    sides = person_sides(everyone, labelled, SplitSettings())
    assert Counter(sides.values()) == {"train": 108, "validation": 27, "test": 45}
    for cohort in ("oasis", "ixi", "kirby"):
        count = Counter(side for person, side in sides.items() if person.startswith(f"{cohort}/"))
        assert abs(count["test"] - 45 * sizes[cohort] / 162) <= 1
        assert abs(count["validation"] - 27 * sizes[cohort] / 162) <= 1


def test_the_draw_depends_on_the_seed_and_not_on_the_order() -> None:
    everyone = [f"a/{i}" for i in range(30)]
    first = person_sides(everyone, set(), SplitSettings())
    assert first == person_sides(reversed(everyone), set(), SplitSettings())
    assert first != person_sides(everyone, set(), SplitSettings(seed=1))


def test_repeats_share_a_side_and_mixed_rows_are_cross() -> None:
    scans = {f"kirby_{n:02d}": f"kirby/{n % 21:02d}" for n in range(42)} | {f"ibsr_{n}": f"ibsr/{n}" for n in range(4)}
    table = crossed(scans, ["ibsr/0", "ibsr/1", "ibsr/2", "ibsr/3"])
    splits = volume_splits(table, SplitSettings())
    native = {scan: splits[f"{scan}@{scan}"] for scan in scans}
    assert all(native[f"kirby_{n:02d}"] == native[f"kirby_{n + 21:02d}"] for n in range(21))
    assert all(native[scan] == "train" for scan in scans if scan.startswith("ibsr"))
    for image in scans:
        for space in scans:
            expected = native[image] if native[image] == native[space] else CROSS
            assert splits[f"{image}@{space}"] == expected
    seen = {side: {scans[scan] for scan in scans if native[scan] == side} for side in SIDES}
    assert not seen["train"] & seen["test"] and not seen["train"] & seen["validation"]
    assert not seen["validation"] & seen["test"]


def test_the_rules_hold_on_the_paper_s_whole_catalog() -> None:
    sizes = {"ibsr": 18, "oasis": 77, "ixi": 64}
    scans = {f"{cohort}_{n}": f"{cohort}/{n}" for cohort, count in sizes.items() for n in range(count)}
    scans |= {f"kirby_{n}": f"kirby/{n % 21}" for n in range(42)}
    labelled = [person for person in scans.values() if person.startswith("ibsr/")]
    splits = volume_splits(crossed(scans, labelled), SplitSettings())
    assert len(splits) == 40_401
    side = {person: splits[f"{scan}@{scan}"] for scan, person in scans.items()}
    assert {side[person] for person in labelled} == {"train"}
    assert all(splits[f"kirby_{n}@kirby_{n}"] == splits[f"kirby_{n + 21}@kirby_{n + 21}"] for n in range(21))
    same = {volume: [side[scans[scan]] for scan in volume.split("@")] for volume in splits}
    assert all(split in (CROSS, same[volume][0]) for volume, split in splits.items())
    mixed = {volume for volume in splits if len({side[scans[scan]] for scan in volume.split("@")}) > 1}
    assert mixed == {volume for volume, split in splits.items() if split == CROSS}


def test_the_random_split_has_the_shares_and_nothing_else() -> None:
    keys = np.random.default_rng(0).integers(0, 2**64, 100_000, dtype=np.uint64, endpoint=False)
    shares = np.bincount(random_splits(keys, SplitSettings()), minlength=3) / 100_000
    np.testing.assert_allclose(shares, [0.60, 0.15, 0.25], atol=0.01)
