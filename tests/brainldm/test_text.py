"""Captions in: numbers read as numbers, whole phrases dropped, BERT and CLIP folders read with their own tokenizers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from braincaption.errors import UsageError
from brainldm.chance import seeded
from brainldm.config import load_config
from brainldm.text.augment import caption_variants, naming_words
from brainldm.text.builtin import BuiltInEncoder
from brainldm.text.numbers import number_features, take_numbers
from brainldm.text.registry import find_encoder, load_encoder, save_encoder
from brainldm.text.shorten import PHRASE_END, ShortenedCaption, shorten

CAPTIONS = [
    "Axial T2-weighted MRI slice at 12.5 mm, showing the left thalamus (1,234 mm³) and the brainstem (56 mm³).",
    "Coronal FLAIR slice of a 45-year-old woman at −7 mm: lateral ventricles (900 mm³).",
    "Sagittal T1w slice at z = -30 mm.",
]


@pytest.fixture(scope="module")
def builtin() -> BuiltInEncoder:
    with seeded(0):
        return BuiltInEncoder.untrained(CAPTIONS, load_config("tiny").text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("T2w at −12.5 mm: 1,234 mm³", (-12.5, 1234.0)),
        ("z = -30 mm", (-30.0,)),
        ("a 45-year-old at 1.5 T, sub-05a, T1w, 10–20", (45.0, 1.5, 10.0, 20.0)),
        ("5,211 + 5,076 mm³, 19.", (5211.0, 5076.0, 19.0)),
        ("nothing here but T1 and v2beta", ()),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, values: tuple[float, ...]) -> None:
    assert take_numbers(text).values == values


def test_near_numbers_have_near_features() -> None:
    features = number_features(torch.tensor([1000.0, 1020.0, 1500.0, -1000.0, 0.0]))
    distances = (features - features[0]).norm(dim=1)
    assert distances[0] < distances[1] < distances[2]
    assert distances[3] > distances[1]
    assert torch.isfinite(features).all()


def test_weighted_and_w_are_one_word(builtin: BuiltInEncoder) -> None:
    first, second = (builtin.inputs([f"Axial {name} MRI slice"])[0] for name in ("T2-weighted", "T2w"))
    assert torch.equal(first, second)


def test_spans_give_each_token_its_characters(builtin: BuiltInEncoder) -> None:
    caption = CAPTIONS[0]
    covered = [caption[start:end] for start, end in builtin.spans(caption)]
    assert covered[0] == covered[-1] == ""
    assert {"12.5", "1,234", "56"} <= set(covered)
    assert "".join(covered).replace(" ", "").startswith("Axial")
    assert caption.replace(" ", "") == "".join(covered).replace(" ", "")


def test_a_caption_is_embedded_alike_alone_and_in_a_batch(builtin: BuiltInEncoder) -> None:
    together, alone = builtin.encode(CAPTIONS), builtin.encode(CAPTIONS[2:])
    length = int(alone.mask.sum())
    assert together.mask.shape[1] > length
    assert torch.allclose(together.tokens[2, :length], alone.tokens[0], atol=1e-5)
    assert torch.allclose(together.pooled[2], alone.pooled[0], atol=1e-5)
    assert together.tokens[2, length:].abs().max() == 0


def test_the_built_in_encoder_comes_back_from_its_folder(builtin: BuiltInEncoder, tmp_path: Path) -> None:
    save_encoder(builtin, tmp_path / "text")
    back = load_encoder(tmp_path / "text")
    assert torch.equal(back.encode(CAPTIONS).tokens, builtin.encode(CAPTIONS).tokens)


def word_count(text: str) -> int:
    return len(text.split())


def test_a_long_caption_loses_whole_phrases_with_a_warning() -> None:
    caption = "One two three, four five, six seven and eight nine."
    with pytest.warns(ShortenedCaption, match="left out 2 of 4 phrases, from 'six seven' on"):
        assert shorten(caption, word_count, 6) == "One two three, four five"
    assert shorten(caption, word_count, 10) == caption
    with pytest.raises(UsageError, match="shorten it"):
        shorten(caption, word_count, 2)


def wordpiece(folder: Path, begin: str, end: str) -> None:
    """Save a small tokenizer with its special tokens."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", begin, end]
    tokenizer.train_from_iterator(
        CAPTIONS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.BertProcessing((end, 3), (begin, 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token=begin, sep_token=end,
        bos_token=begin, eos_token=end, model_max_length=24,
    ).save_pretrained(folder)  # fmt: skip


@pytest.fixture(scope="module", params=["bert", "clip"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp(request.param) / f"tiny-{request.param}"
    sizes = {"vocab_size": 300, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
             "intermediate_size": 32, "max_position_embeddings": 24}  # fmt: skip
    with seeded(0):
        if request.param == "bert":
            BertModel(BertConfig(**sizes)).save_pretrained(place)
        else:
            CLIPTextModel(CLIPTextConfig(**sizes, eos_token_id=3, bos_token_id=2, pad_token_id=0)).save_pretrained(
                place
            )
    wordpiece(place, *(("[CLS]", "[SEP]") if request.param == "bert" else ("<s>", "</s>")))
    return place


def test_a_local_bert_or_clip_encodes_with_its_own_tokenizer(folder: Path, tmp_path: Path) -> None:
    encoder = find_encoder(str(folder))
    assert (encoder.name, encoder.width, encoder.max_tokens) == (folder.name, 16, 24)
    short = CAPTIONS[2]
    alone, padded = encoder.encode([short]), encoder.encode([short, CAPTIONS[2] + " Sagittal slice."])
    length = encoder.count(short)
    assert int(alone.mask.sum()) == length == len(encoder.spans(short))
    assert torch.allclose(padded.tokens[0, :length], alone.tokens[0], atol=1e-5)
    assert torch.allclose(padded.pooled[0], alone.pooled[0], atol=1e-5)
    save_encoder(encoder, tmp_path / "text")
    back = load_encoder(tmp_path / "text")
    assert back.name == folder.name
    assert torch.equal(back.encode([short]).tokens, alone.tokens)


def test_an_encoder_that_is_not_there_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="hf download microsoft/BiomedNLP-BiomedBERT"):
        find_encoder("biomedbert")
    with pytest.raises(UsageError, match="does not load"):
        find_encoder(str(tmp_path))


def test_variants_are_phrases_of_the_caption_in_order() -> None:
    rng = np.random.default_rng(0)
    variants = caption_variants(CAPTIONS[0], 20, rng)
    assert variants[0] == CAPTIONS[0]
    assert len(set(variants)) > 2
    for variant in variants:
        assert variant
        places = [CAPTIONS[0].find(phrase.rstrip(",.;: ")) for phrase in PHRASE_END.split(variant)]
        assert min(places) >= 0
        assert places == sorted(places)


def test_words_that_name_a_sequence_are_found_and_never_left_out() -> None:
    """A caption without its sequence would teach that age and scanner tell it: FLAIR came out for T1w."""
    captions = [
        f"Axial {name} slice, of a {age}-year-old {who}, at {field} T: the thalamus {age * 7} mm³, and the pons."
        for name, field in (("T1-weighted", 3), ("T2-weighted", 1.5), ("FLAIR", 3))
        for age, who in ((21, "woman"), (54, "man"), (82, "woman"))
    ]
    sequences = [name for name in ("T1w", "T2w", "FLAIR") for _ in range(3)]
    kept = naming_words(captions, sequences)
    assert kept == {"t1-weighted", "t2-weighted", "flair"}  # nor 1.5, though it goes with T2w alone here
    rng = np.random.default_rng(0)
    for caption, name in zip(captions[::3], ("T1-weighted", "T2-weighted", "FLAIR"), strict=True):
        variants = caption_variants(caption, 50, rng, kept)
        assert all(name in variant for variant in variants)
        assert len(set(variants)) > 5
    assert naming_words(captions, [None] * 9) == frozenset()
    assert naming_words(captions[:3], sequences[:3]) == frozenset(), "one sequence needs no name"


def test_the_vocabulary_is_the_same_in_every_process() -> None:
    """The trainer of tokenizers numbers pieces by a hash order that changes from run to run; ours does not."""
    code = (
        "from brainldm.text.builtin import make_tokenizer\n"
        "captions = [f'Axial {s} slice of a {age}-year-old man, thalami' for s in ('T1w', 'FLAIR') for age in (3, 4)]\n"
        "print(make_tokenizer(captions, 60).to_str())"
    )
    found = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(3)}
    assert len(found) == 1
