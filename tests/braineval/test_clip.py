"""Any CLIP from a folder: a tiny one with random weights is saved here, then scored with; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from braineval import metrics
from braineval.clip import load_clip
from braineval.score import NotDefinedError
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader

Make = Callable[..., Slices]


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of two thin layers a side and a tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

    words = [
        "<pad>",
        "<start>",
        "<end>",
        "<unk>",
        *["Axial", "T1w", "T2w", "FLAIR", "slice", "of", "person", "0", "1", "2", "3", "."],
    ]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 2)]
    )
    thin = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = thin | {"vocab_size": len(words), "max_position_embeddings": 12, "eos_token_id": 2, "bos_token_id": 1}
    config = CLIPConfig(
        text_config=text | {"pad_token_id": 0},
        vision_config=thin | {"image_size": 32, "patch_size": 8},
        projection_dim=8,
    )
    folder = tmp_path_factory.mktemp("clip")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        CLIPModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<start>", eos_token="<end>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


def test_clip_score_is_the_cosine_of_its_two_sides(make: Make, tiny_clip: Path) -> None:
    real = make(people=2, positions=2)
    score = metrics.scorer("clip-score")(real, real, Settings(weights=tiny_clip, draws=20))
    clip = load_clip(tiny_clip)
    images = clip.images(real.images())
    texts = clip.texts([str(text) for text in real.column("caption")])
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        score.details["values"], 100 * (images * texts).sum(axis=1).clip(min=0), rtol=1e-4, atol=1e-4
    )
    assert score.floor.halves == pytest.approx(score.value)
    assert score.n_generated == 12


def test_cmmd_is_zero_for_a_copy_and_names_only_clip(make: Make, tiny_clip: Path) -> None:
    real = make(people=2, positions=2)
    settings = Settings(weights=tiny_clip, draws=2, floor_draws=1)
    score = metrics.scorer("cmmd")(real, real, settings)
    assert (score.metric, score.extractor) == ("cmmd", "clip")
    assert score.value == pytest.approx(0, abs=1e-9)
    with pytest.raises(Exception, match="only CLIP distances are called CMMD"):
        metrics.scorer("cmmd")(real, real, Settings(extractor="built-in"))
    named = metrics.scorer("frechet")(real, real, Settings(extractor="clip", weights=tiny_clip, draws=2))
    assert named.metric == "frechet-clip"


def test_partial_prompts_and_retrieval_use_their_own_texts(make: Make, tiny_clip: Path) -> None:
    real = make(people=4, positions=4)
    table = real.table
    words = ["left thalamus", "brainstem", "right thalamus"]
    table["caption"] = [
        f"Axial T1-weighted MRI; slice {i}.5 mm above the origin. Impression: {words[i % 3]} [1,205 mm³]."
        for i in range(len(table))
    ]
    some = from_reader(Arrays(table=table, pixels=real.images()), "prompts")
    settings = Settings(weights=tiny_clip, draws=20)
    clip = load_clip(tiny_clip)
    images = clip.images(some.images())
    contrast = metrics.scorer("clip-score-contrast")(some, some, settings)
    assert "contrast alone" in contrast.preprocessing
    spoken = {"T1w": "T1-weighted", "T2w": "T2-weighted", "FLAIR": "FLAIR"}
    texts = clip.texts([f"a {spoken[str(name)]} brain MRI" for name in some.column("sequence")])
    np.testing.assert_allclose(contrast.details["values"], 100 * (images * texts).sum(1).clip(0), rtol=1e-4, atol=1e-4)
    structures = metrics.scorer("clip-score-structures")(some, some, settings)
    texts = clip.texts([words[i % 3] for i in range(len(table))])
    np.testing.assert_allclose(
        structures.details["values"], 100 * (images * texts).sum(1).clip(0), rtol=1e-4, atol=1e-4
    )
    found = metrics.scorer("retrieval")(some, some, settings)
    assert found.floor.people == 0.1 and found.floor.halves == pytest.approx(found.value)
    assert 0 <= found.value <= 1 and found.n_generated == 48
    with pytest.raises(NotDefinedError, match="retrieval wants 10"):
        metrics.scorer("retrieval")(some, make(people=1, positions=1), settings)


def test_a_clip_that_is_not_there_is_refused_with_the_command_that_fetches_it(make: Make, tmp_path: Path) -> None:
    real = make(people=2, positions=1)
    with pytest.raises(NotDefinedError, match=r"no CLIP at .*--weights.*hf download"):
        metrics.scorer("clip-score")(real, real, Settings(weights=tmp_path / "absent"))
