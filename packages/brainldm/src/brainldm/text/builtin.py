"""Captions in, embeddings out, with a small BERT whose vocabulary is made from the training captions: no download."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from transformers import BertConfig, BertModel

from brainldm.config import TextSettings
from brainldm.text.numbers import FEATURES, NUMBER_TOKEN, NumberedText, number_features, take_numbers
from brainldm.text.protocol import EncodedText

NAME = "built-in"
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", NUMBER_TOKEN]
_BATCH = 64


def make_tokenizer(captions: Sequence[str], vocabulary: int) -> Tokenizer:
    """Return a WordPiece tokenizer trained on `captions`; "T2-weighted" and "T2w" are one word to it."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.BertNormalizer(lowercase=True), normalizers.Replace(Regex(r"(?<=t[12])[ -]weighted"), "w")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    texts = [take_numbers(caption).text for caption in captions]
    tokenizer.model = models.WordPiece(_pieces(tokenizer, texts, vocabulary), unk_token="[UNK]")
    tokenizer.add_special_tokens(_SPECIAL)
    ids = {token: _SPECIAL.index(token) for token in ("[CLS]", "[SEP]")}
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    return tokenizer


def _pieces(like: Tokenizer, texts: Sequence[str], size: int) -> dict[str, int]:
    """Return the numbered pieces of a WordPiece training, normalised and split as `like` does.

    The trainer numbers the letters within words as it meets them in a hash table, whose order changes from run to run,
    and settles ties between merges by those numbers. Given all of them beforehand, in order, it has nothing to choose.
    """
    scratch = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    scratch.normalizer, scratch.pre_tokenizer = like.normalizer, like.pre_tokenizer
    letters = sorted({letter for text in texts for letter in like.normalizer.normalize_str(text)} - {" "})
    within = [f"##{letter}" for letter in letters]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=[*_SPECIAL, *within], initial_alphabet=letters, show_progress=False
    )
    scratch.train_from_iterator(texts, trainer)
    return scratch.get_vocab()


def pool(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the largest value of each channel over a caption's tokens, shape (n, width).

    One word among two hundred decides the contrast: a maximum lets it through whole, where a mean drowns it and the
    state of ``[CLS]`` has to learn first where to look.
    """
    return states.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(1)


class NumberBert(nn.Module):
    """A transformers BERT that sees a number as its size, not as a string of digits."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert: Any = BertModel(config, add_pooling_layer=False)
        self.number = nn.Linear(FEATURES, config.hidden_size)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return token states (n, tokens, width) of token ids, mask and numbers, each (n, tokens)."""
        words = self.bert.embeddings.word_embeddings(ids) + self.number(number_features(values))
        return self.bert(inputs_embeds=words, attention_mask=mask).last_hidden_state


class BuiltInEncoder:
    """The built-in text encoder.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    network : NumberBert
    """

    name = NAME

    def __init__(self, tokenizer: Tokenizer, network: NumberBert) -> None:
        self.tokenizer, self.network = tokenizer, network
        self.width: int = network.bert.config.hidden_size
        self.max_tokens: int = network.bert.config.max_position_embeddings
        self._number_id = tokenizer.token_to_id(NUMBER_TOKEN)

    @classmethod
    def untrained(cls, captions: Sequence[str], settings: TextSettings) -> BuiltInEncoder:
        """Return an encoder with a vocabulary from `captions` and weights from torch's global generator."""
        tokenizer = make_tokenizer(captions, settings.vocabulary)
        config = BertConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=settings.width,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            intermediate_size=4 * settings.width,
            max_position_embeddings=settings.max_tokens,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        return cls(tokenizer, NumberBert(config))

    def count(self, caption: str) -> int:
        """Return the number of tokens of `caption`, special ones included."""
        return len(self._encoding(take_numbers(caption)).ids)

    def spans(self, caption: str) -> list[tuple[int, int]]:
        """Return the characters (start, end) that each token covers; special tokens cover none."""
        numbered = take_numbers(caption)
        found = self._encoding(numbered)
        return [
            (0, 0) if special else (numbered.original(start), numbered.original(end))
            for (start, end), special in zip(found.offsets, found.special_tokens_mask, strict=True)
        ]

    def inputs(self, captions: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return token ids, mask and numbers of `captions`, each (n, longest)."""
        numbered = [take_numbers(caption) for caption in captions]
        rows = [self._encoding(text).ids for text in numbered]
        longest = max(len(row) for row in rows)
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        values = torch.zeros(len(rows), longest)
        for i, (row, text) in enumerate(zip(rows, numbered, strict=True)):
            ids[i, : len(row)] = torch.tensor(row)
            places = [place for place, token in enumerate(row) if token == self._number_id]
            values[i, places] = torch.tensor(text.values)
        lengths = torch.tensor([len(row) for row in rows])
        return ids, torch.arange(longest) < lengths.unsqueeze(1), values

    @torch.no_grad()
    def encode(self, captions: Sequence[str]) -> EncodedText:
        """Return embeddings of `captions`; the pooled vector is `pool` of its tokens."""
        self.network.eval()
        ids, mask, values = self.inputs(captions)
        parts = [slice(first, first + _BATCH) for first in range(0, len(captions), _BATCH)]
        states = torch.cat([self.network(ids[part], mask[part], values[part]) for part in parts])
        return EncodedText(tokens=states * mask.unsqueeze(-1), mask=mask, pooled=pool(states, mask))

    def save(self, folder: Path) -> None:
        """Write tokenizer, settings and weights."""
        from brainldm.model_folder import save_weights

        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "bert.json").write_text(self.network.bert.config.to_json_string(), encoding="utf-8")
        save_weights(folder / "model.safetensors", self.network)

    @classmethod
    def load(cls, folder: Path) -> BuiltInEncoder:
        """Read what `save` wrote."""
        from brainldm.model_folder import load_weights

        network = NumberBert(BertConfig.from_json_file(folder / "bert.json"))
        load_weights(folder / "model.safetensors", network)
        return cls(Tokenizer.from_file(str(folder / "tokenizer.json")), network.eval().requires_grad_(False))

    def _encoding(self, numbered: NumberedText) -> Any:
        return self.tokenizer.encode(numbered.text)
