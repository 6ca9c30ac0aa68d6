"""CLIP's byte-pair encoding from a file of merges, numbers as tokens of their own, and errors that help."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import torch

from braincaption.errors import UsageError
from brainldm.tumsyn.tokens import END, START, clip_tokenizer, make_prompt_tokenizer

# As CLIP's merges begin, then what makes "brain" of its letters.
MERGES = [("i", "n"), ("t", "h"), ("b", "r"), ("a", "in</w>"), ("i", "n</w>"), ("br", "ain</w>")]


def test_clips_encoding_merges_by_rank_and_splits_every_digit() -> None:
    tokenizer = clip_tokenizer([*MERGES[:3], ("i", "n</w>"), ("a", "in</w>"), ("br", "ain</w>")])
    found = tokenizer.encode("Brain  TE 95.5ms").tokens
    assert found == [START, "brain</w>", "t", "e</w>", "9</w>", "5</w>", ".</w>", "5</w>", "m", "s</w>", END]
    assert tokenizer.get_vocab_size() == 512 + 6 + 2


def test_the_first_512_tokens_are_bytes_in_clips_order() -> None:
    tokenizer = clip_tokenizer([])
    assert tokenizer.encode("a!").ids == [512, ord("a") - ord("!") + 256, 256, 513]  # alone, a letter ends its word


@pytest.mark.parametrize("name", ["merges.txt", "merges.txt.gz"])
def test_merges_come_from_a_file(tmp_path: Path, name: str) -> None:
    text = "\n".join(["#version", *(" ".join(pair) for pair in MERGES), ""]).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    found = make_prompt_tokenizer(str(tmp_path / name), [], vocabulary=0, numbers=False, limit=90)
    assert found.size == 512 + len(MERGES) + 2
    tokens = found.encode(["brain", "brain brain brain"])
    assert tokens.ends.tolist() == [2, 4]
    assert torch.equal(tokens.values, torch.zeros(2, 5))


def test_what_is_not_to_be_had_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"hf download nobody/nothing.*bpe_simple_vocab_16e6"):
        make_prompt_tokenizer("nobody/nothing", [], vocabulary=0, numbers=False, limit=90)
    (tmp_path / "broken.gz").write_bytes(b"no gzip")
    with pytest.raises(UsageError, match="is no file of merges"):
        make_prompt_tokenizer(str(tmp_path / "broken.gz"), [], vocabulary=0, numbers=False, limit=90)
    with pytest.raises(UsageError, match="set numbers = false"):
        make_prompt_tokenizer("nobody/nothing", [], vocabulary=0, numbers=True, limit=90)


def test_numbers_are_taken_out_and_long_prompts_refused() -> None:
    found = make_prompt_tokenizer("prompts", ["TE: 95.0 ms; TI: None"], vocabulary=60, numbers=True, limit=12)
    one, other = found.encode(["TE: 95.0 ms", "TE: 40 ms"]).values
    assert (one.max(), other.max()) == (95.0, 40.0)
    assert torch.equal(*(found.encode([text]).ids for text in ("TE: 95.0 ms", "TE: 40 ms")))
    with pytest.raises(UsageError, match="at most 12 are read: shorten it"):
        found.encode(["TE: 95.0 ms; " * 5])
