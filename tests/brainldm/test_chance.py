"""Seeds, epochs and samples in: the same numbers whatever process, batch or order asks for them."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from brainldm.chance import draws, image_noise, sample_generator, seeded


def test_a_sample_draws_the_same_numbers_again_and_others_draw_others() -> None:
    first, again, other, later = (
        sample_generator(*key).standard_normal(8) for key in ((1, 0, 5), (1, 0, 5), (1, 0, 6), (1, 1, 5))
    )
    assert np.array_equal(first, again)
    assert not np.isclose(first, other).any()
    assert not np.isclose(first, later).any()


@given(count=st.integers(1, 30), batch=st.integers(1, 12), seed=st.integers(0, 5))
def test_every_epoch_visits_every_sample_once(count: int, batch: int, seed: int) -> None:
    steps = -(-3 * count // batch)
    pairs = [pair for step in range(steps) for pair in draws(seed, count, batch, step)]
    for epoch in range(3):
        assert sorted(sample for when, sample in pairs[: 3 * count] if when == epoch) == list(range(count))


def test_epochs_are_in_different_orders() -> None:
    first, second = ([sample for _, sample in draws(0, 50, 50, step)] for step in (0, 1))
    assert first != second


def test_the_noise_of_an_image_depends_on_its_seed_alone() -> None:
    torch.manual_seed(1)
    assert torch.equal(image_noise(3, (2, 4)), image_noise(3, (2, 4)))
    assert not torch.equal(image_noise(3, (2, 4)), image_noise(4, (2, 4)))


def test_seeding_gives_the_global_generator_back() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with seeded(1):
        torch.rand(100)
    assert torch.equal(torch.rand(3), expected)
