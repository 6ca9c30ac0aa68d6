"""Captions: their grammar word by word, drawn by seed and key alone, cut to a token limit, resumed, in any language."""

from __future__ import annotations

import random
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from braincaption.captions import Captioner, CaptionSettings, write_captions
from braincaption.engine import Workers
from braincaption.errors import UsageError
from braincaption.language import language_folder, load_language
from braincaption.lut import load_lut, write_lut
from braincaption.parse import parse
from braincaption.schema import CAPTIONS, SLICES
from braincaption.tokens import load_tokenizer
from braincaption.wording import read_wording

LUT = load_lut("freesurfer")
WORDING = """
head = "{A_plane}[ {sequence}] slice[ of {person}][ at {field}], {position}[, {level}]."
text = "{head} There {is|are} {structures}."
none = "{head} There is nothing."
[list]
single = "{the} ({volume} mm³)"
pair = "{the_both} ({left} and {right} mm³)"
between = ", "
last = " and "
"""


@pytest.fixture
def one_wording(tmp_path):
    """A language with English facts and a single wording: a folder of the user's own."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("language.toml", "structures.tsv"):
        shutil.copy(language_folder("en") / name, folder)
    (folder / "07-mine.toml").write_text(WORDING, encoding="utf-8")
    return str(folder)


@pytest.fixture
def say(slice_table):
    """Return a function that captions rows in a language."""

    def said(language, rows, mm3=1.0, organ=None, **facts):
        captioner = Captioner(LUT, CaptionSettings(language=language, organ=organ))
        return captioner.captions(slice_table(rows, "v", mm3, **facts))["caption"].to_pylist()

    return said


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ([(4, 412), (43, 398)], "There are both lateral ventricles (412 and 398 mm³)."),
        ([(43, 412), (4, 398)], "There are both lateral ventricles (398 and 412 mm³)."),
        ([(4, 412)], "There is the left lateral ventricle (412 mm³)."),
        ([(3, 2_000_000), (42, 9)], "There is the cerebral cortex on both sides (2,000,000 and 9 mm³)."),
        ([(77, 5)], "There are the white matter hypointensities (5 mm³)."),
        ([(9999, 12)], "There is unknown structure 9999 (12 mm³)."),
        ([(16, 7), (14, 7)], "There are the third ventricle (7 mm³) and the brainstem (7 mm³)."),
        (
            [(16, 70), (10, 60), (49, 50), (14, 1)],
            "There are both thalami (60 and 50 mm³), the brainstem (70 mm³) and the third ventricle (1 mm³).",
        ),
        ([], "There is nothing."),
    ],
)
def test_structures_are_listed_by_size_with_pairs_joined(say, one_wording, found, sentence):
    assert say(one_wording, [("axial", 3.0, found)]) == [f"An axial slice, 3 mm above the origin. {sentence}"]


@pytest.mark.parametrize(
    ("facts", "beginning"),
    [
        ({}, "An axial slice, "),
        ({"sequence": "T1w"}, "An axial T1-weighted MRI slice, "),
        ({"age": 8.9, "sex": "F"}, "An axial slice of an 8-year-old girl, "),
        ({"age": 18.0, "sex": "M"}, "An axial slice of an 18-year-old man, "),
        ({"age": 96.0, "sex": "F"}, "An axial slice of a 90-year-old woman, "),
        ({"age": 0.5, "sex": "M"}, "An axial slice of an infant boy, "),
        ({"age": 41.0}, "An axial slice of a 41-year-old person, "),
        ({"sex": "F"}, "An axial slice of a female subject, "),
        ({"field_strength_t": 1.5}, "An axial slice at 1.5 T, "),
        ({"sequence": "MESE", "field_strength_t": 3.0}, "An axial MESE MRI slice at 3 T, "),
    ],
)
def test_what_is_unknown_is_left_out(say, one_wording, facts, beginning):
    assert say(one_wording, [("axial", 3.0, [])], **facts)[0].startswith(beginning)


@pytest.mark.parametrize(
    ("plane", "position", "words"),
    [
        ("axial", -12.25, "12.3 mm below the origin"),
        ("coronal", 4.0, "4 mm in front of the origin"),
        ("coronal", -4.04, "4 mm behind the origin"),
        ("sagittal", -30.0, "30 mm to the left of the origin"),
        ("sagittal", 30.0, "30 mm to the right of the origin"),
        ("sagittal", 0.04, "at the origin"),
        ("axial", 1234.5, "1,234.5 mm above the origin"),
    ],
)
def test_positions_are_said_in_words(say, one_wording, plane, position, words):
    assert words in say(one_wording, [(plane, position, [])])[0]


@pytest.mark.parametrize(
    ("mm3", "written"),
    [(1234.567, "1,235"), (412.4, "412"), (41.26, "41.3"), (4.126, "4.13"), (0.4126, "0.413"), (0.04, "0.04")],
)
def test_volumes_keep_three_digits_that_count(say, one_wording, mm3, written):
    assert f"({written} mm³)" in say(one_wording, [("axial", 0.0, [(16, 1)])], mm3)[0]


def test_the_level_is_of_the_brain_only_when_the_labels_cover_it(say, one_wording):
    rows = [("axial", float(z), [(3, 10)] if 2 <= z < 12 else []) for z in range(14)]
    part, whole = say(one_wording, rows), say(one_wording, rows, mm3=1e5)
    assert "near the bottom of the labelled region" in part[2] and "near the top of the labelled region" in part[11]
    assert "near the bottom of the brain" in whole[2] and "in the upper part of the brain" in whole[9]
    assert "near the bottom of the femur" in say(one_wording, rows, organ="femur")[2]
    assert "bottom" not in part[0] and "top" not in part[13]


def test_the_draw_depends_on_seed_and_key_alone(slice_table):
    rows = [("axial", float(n), [(4, n + 1)]) for n in range(50)] + [("coronal", float(n), [(4, 3)]) for n in range(50)]
    first, second = slice_table(rows, "a@b", sequence="T1w"), slice_table(rows[:30], "c@d", sequence="T2w")
    captioner = Captioner(LUT, CaptionSettings(seed=5))
    together = captioner.captions(pa.concat_tables([first, second]))
    alone = [captioner.captions(first), Captioner(LUT, CaptionSettings(seed=5)).captions(second)]
    assert together.equals(pa.concat_tables(alone)) and together.schema.equals(CAPTIONS)
    other = Captioner(LUT, CaptionSettings(seed=6)).captions(first)
    same = sum(a == b for a, b in zip(other["template"].to_pylist(), together["template"].to_pylist(), strict=False))
    assert 0 <= same < 20  # one in twenty by chance


@pytest.fixture(scope="session")
def word_pieces(slice_table, tmp_path_factory):
    """A WordPiece tokenizer with few pieces, so that numbers and names take many tokens."""
    rows = [("axial", float(n), [(label, 7 * n + label) for label in (3, 42, 4, 43, 16, 630)]) for n in range(300)]
    captions = Captioner(LUT, CaptionSettings()).captions(slice_table(rows, sequence="T1w"))["caption"].to_pylist()
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(
        captions, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="session")
def byte_pairs(tmp_path_factory):
    """A byte-level BPE tokenizer in the manner of GPT-2, which gives the space to the word after it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(["the left lateral ventricle of 412 mm³ "], trainer)
    path = tmp_path_factory.mktemp("pairs") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize("kind", ["word_pieces", "byte_pairs"])
@pytest.mark.parametrize("limit", [90, 150, 300, 512])
def test_no_caption_has_more_tokens_than_allowed_and_the_smallest_structures_go(request, slice_table, kind, limit):
    path = request.getfixturevalue(kind)
    limit = limit if kind == "word_pieces" else limit * 2
    draw = random.Random(0)
    labels = [label for label in LUT.structures if label < 3000]
    rows = []
    for n in range(400):
        found = {label: draw.randint(1, 9999) for label in draw.sample(labels, draw.randint(0, 60))}
        rows.append(("axial", float(n), sorted(found.items(), key=lambda item: (-item[1], item[0]))))
    table = slice_table(rows, sequence="T1w", age=63.0, sex="F", field_strength_t=3.0)
    cut = Captioner(LUT, CaptionSettings(max_tokens=limit, tokenizer=str(path))).captions(table)["caption"].to_pylist()
    full = Captioner(LUT, CaptionSettings()).captions(table)["caption"].to_pylist()
    tokenizer = Tokenizer.from_file(str(path))
    lengths = [len(found.ids) for found in tokenizer.encode_batch(cut)]
    assert max(lengths) <= limit
    for short, whole in zip(cut, full, strict=True):
        if len(tokenizer.encode(whole).ids) <= limit:
            assert short == whole
            continue
        kept, every = parse(short, LUT).structures or (), parse(whole, LUT).structures
        assert kept == every[: len(kept)] and len(kept) < len(every)


def test_a_limit_too_small_and_half_a_request_are_refused(slice_table, word_pieces, tmp_path):
    table = slice_table([("axial", 3.0, [(4, 2)])])
    with pytest.raises(UsageError, match="--max-tokens 5 is too small"):
        Captioner(LUT, CaptionSettings(max_tokens=5, tokenizer=str(word_pieces))).captions(table)
    with pytest.raises(UsageError, match="belong together"):
        write_captions(tmp_path, settings=CaptionSettings(max_tokens=5), workers=Workers(count=1))
    with pytest.raises(UsageError, match="not in the Hugging Face cache"):
        load_tokenizer("no/such-model")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match="no readable tokenizer"):
        load_tokenizer(str(tmp_path))


def test_an_old_bert_folder_is_read(tmp_path):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "left", "##s", "ventricle"]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces) + "\n")
    counts = load_tokenizer(str(tmp_path))
    assert counts.special == 2 and len(counts.tokenizer.encode("Left ventricles").ids) == 5


def written(slice_table, folder, parts, **options):
    """Write a small OUT by hand: `parts` slice parts of one volume each."""
    write_lut(LUT, folder / "lut.tsv")
    for number in range(parts):
        rows = [("axial", float(n), [(4, n + 1), (43, 2)]) for n in range(20)]
        table = slice_table(rows, f"v{number}@s", sequence="T1w")
        (folder / "slices").mkdir(parents=True, exist_ok=True)
        pq.write_table(table.cast(SLICES), folder / "slices" / f"part-{number:05d}-of-{parts:05d}.parquet")
    settings = CaptionSettings(**options)
    return write_captions(folder, settings=settings, workers=Workers(count=1))


def test_captions_are_resumed_and_never_mixed(slice_table, tmp_path):
    assert written(slice_table, tmp_path, 3, seed=1) == 60
    parts = sorted((tmp_path / "captions").iterdir())
    before = [part.read_bytes() for part in parts]
    parts[1].unlink()
    assert written(slice_table, tmp_path, 3, seed=1) == 20
    assert [part.read_bytes() for part in parts] == before
    with pytest.raises(UsageError, match="other settings"):
        written(slice_table, tmp_path, 3, seed=2)
    keys = ["volume_id", "plane", "index"]
    assert pq.read_table(tmp_path / "captions").select(keys).equals(pq.read_table(tmp_path / "slices").select(keys))


def test_french_agrees_in_gender_and_number(say):
    french = load_language("fr")
    forms = {(n, f): french.structure(LUT, n, f) for n in (53, 4, 49, 54, 2) for f in ("the_single", "the_both")}
    assert forms[53, "the_single"] == "l'hippocampe droit" and forms[54, "the_single"] == "l'amygdale droite"
    assert forms[4, "the_both"] == "les deux ventricules latéraux"
    assert forms[2, "the_both"] == "la substance blanche cérébrale des deux côtés"
    rows = [("sagittal", float(n), [(4, 1412), (43, 398)]) for n in range(60)]
    said = say("fr", rows, sequence="T1w", age=63.0, sex="F")
    assert all(("1\u202f412" in text) and ("63 ans" in text) for text in said)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("{position}", ""), "wanted each of"),
        (("[ of {person}]", "[ of {person}, {age}]"), "wanted each of"),
        (("[ of {person}]", " of {person}"), "must stand in brackets"),
        (("[ {sequence}]", "[ {sequence}"), "leaves a bracket open"),
        (("{field}", "{strength}"), "wanted one of"),
        (("({left} and {right} mm³)", "({left} mm³)"), "needs a name"),
        (("none =", "nothing ="), "it needs head, text, none"),
    ],
)
def test_a_faulty_wording_is_named(tmp_path, change, message):
    path = tmp_path / "01-faulty.toml"
    path.write_text(WORDING.replace(*change), encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        read_wording(path)
    assert "01-faulty.toml" in str(caught.value)


def test_an_unknown_language_is_refused():
    with pytest.raises(UsageError, match="neither one of en, fr nor a folder"):
        load_language("tlh")
