"""What is asked for, in the words of training; and pictures that go to three channels and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainldm.prompts import requests
from brainldm.sdmri.pictures import to_colour, to_grey
from brainldm.sdmri.prompt import prompt_of
from brainldm.sdmri.tokens import make_tokenizer
from brainldm.slices import to_bytes


def test_a_prompt_says_what_is_known_and_nothing_else() -> None:
    assert prompt_of({"plane": "axial", "sequence": "FLAIR", "field_strength_t": np.float32(0.3)}) == (
        "Axial FLAIR MRI of the brain at 0.3 T"
    )
    assert prompt_of({"sequence": "T1ce", "field_strength_t": float("nan")}) == (
        "Contrast-enhanced T1-weighted MRI of the brain"
    )
    assert prompt_of({"field_strength_t": 1.5}) == "MRI of the brain at 1.5 T"
    assert prompt_of({"plane": "axial", "sequence": None}) is None


@pytest.mark.parametrize(
    ("prompt", "tesla"), [("at 0.3 T", 0.3), ("3T FLAIR", 3.0), ("1.5 tesla", 1.5), ("T2w, 3 mm", None), ("T1", None)]
)
def test_the_field_strength_of_a_prompt_is_found(prompt: str, tesla: float | None) -> None:
    assert requests(prompt, 1, 0, ["T1w"])[0].facts.get("field_strength_t") == tesla


def test_grey_slices_survive_three_channels_at_their_own_size() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 16, 16), dtype=np.uint8)
    colour = to_colour(pictures, 16)
    assert colour.shape == (2, 3, 16, 16)
    assert float(colour.min()) >= -1 and float(colour.max()) <= 1
    assert np.array_equal(to_bytes(to_grey(colour, (16, 16))), pictures)


def test_resizing_keeps_a_flat_slice_and_a_mean() -> None:
    flat = np.full((1, 16, 16), 77, dtype=np.uint8)
    assert np.array_equal(to_bytes(to_grey(to_colour(flat, 64), (16, 16))), flat)
    pictures = np.random.default_rng(0).integers(0, 256, (1, 32, 32), dtype=np.uint8)
    assert float((to_colour(pictures, 16).mean() + 1) / 2) == pytest.approx(pictures.mean() / 255, abs=0.01)
    assert to_grey(torch.zeros(1, 3, 64, 64), (20, 20)).shape == (1, 1, 20, 20)


def test_the_tokenizer_is_clips_kind_and_knows_the_words_of_prompts() -> None:
    tokenizer = make_tokenizer(32)
    assert tokenizer.tokenize("Axial T2-weighted MRI of the brain at 0.35 T") == [
        "axial</w>", "t</w>", "2</w>", "-</w>", "weighted</w>", "mri</w>", "of</w>", "the</w>", "brain</w>", "at</w>",
        "0</w>", ".</w>", "3</w>", "5</w>", "t</w>",
    ]  # fmt: skip
    ids = tokenizer("FLAIR, übermütig", padding="max_length", max_length=32)["input_ids"]
    assert len(ids) == 32
    assert ids[0] == tokenizer.bos_token_id and ids[-1] == tokenizer.eos_token_id == tokenizer.pad_token_id
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == "flair , übermütig"
