"""A label map in, a WordPiece tokenizer trained on its captions out: BERT's rules, a small vocabulary.

A real vocabulary of 30,000 pieces knows most anatomical words whole; these 800 pieces spell numbers and rarer words
out in more tokens, so that a limit of 512 is met earlier than with BiomedBERT.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from braincaption.captions import Captioner, CaptionSettings
from braincaption.lut import load_lut
from braincaption.sources import Selection, open_source
from braincaption.tabulate import volume_table


def train_word_pieces(label_map: Path, target: Path, pieces: int = 800) -> Path:
    """Write ``tokenizer.json`` to `target`, trained on the captions of every slice of `label_map`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=pieces, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(captions_of(label_map), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(target))
    return target


def captions_of(label_map: Path) -> list[str]:
    """Return captions of every slice of a label map, for three seeds."""
    lut = load_lut("freesurfer")
    source = open_source(label_map, Selection())
    slices = volume_table(source.catalog, 0, merge=lut.merging())
    tables = [Captioner(lut, CaptionSettings(seed=seed)).captions(slices) for seed in range(3)]
    captions: list[str] = pa.concat_tables(tables)["caption"].to_pylist()
    return captions
