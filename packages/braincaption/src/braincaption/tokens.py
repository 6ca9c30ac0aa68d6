"""A tokenizer's name, folder or file in, token counts of words out: the real tokenizer, asked once a word.

The tokens of a text are summed over its words, split at spaces. That is exact for tokenizers that split at spaces
themselves (WordPiece, CLIP's and GPT-2's byte pairs, SentencePiece with its usual settings); `check` holds a sample
against the whole text.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from braincaption.assembly import word_key
from braincaption.errors import BrainError, UsageError
from braincaption.extras import require

_SMALLEST_TABLE = 1 << 12


@dataclass
class WordCounts:
    """A tokenizer, with an open-addressing table of the words it has counted.

    Attributes
    ----------
    tokenizer : tokenizers.Tokenizer
    special : int
        Tokens it adds to every text ([CLS], [SEP], …).
    identity : str
        Hash of the tokenizer, for the record.
    keys, counts : ndarray
        Table of `braincaption.assembly.word_key` to tokens; key 0 marks a free place.
    """

    tokenizer: Any
    special: int
    identity: str
    keys: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(_SMALLEST_TABLE, np.uint64))
    counts: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(_SMALLEST_TABLE, np.int32))
    filled: int = 0

    def learn(self, words: Sequence[tuple[bytes, bool]]) -> None:
        """Count `words`, each with whether it stands first in its text, and keep the counts."""
        new = sorted(set(words))
        while (self.filled + len(new)) * 2 > len(self.keys):
            self._grow()
        lone = self._lengths([word.decode() for word, first in new if first])
        # Some tokenizers give the space before a word to the word: it is counted behind another one.
        after = self._lengths([f"a {word.decode()}" for word, first in new if not first])
        behind = self._lengths(["a"])[0]
        for word, first in new:
            tokens = lone.pop(0) if first else after.pop(0) - behind
            self._insert(int(word_key(np.frombuffer(word, np.uint8), first)), tokens)

    def check(self, captions: Sequence[str], limit: int) -> None:
        """Hold `captions` against the whole tokenizer.

        Raises
        ------
        BrainError
            One has more than `limit` tokens, special ones included: this tokenizer does not split at spaces.
        """
        lengths = [len(found.ids) for found in self.tokenizer.encode_batch(list(captions))]
        over = [(length, text) for length, text in zip(lengths, captions, strict=True) if length > limit]
        if over:
            raise BrainError(
                f"a caption has {over[0][0]} tokens, {limit} are allowed ({over[0][1][:80]}…): this tokenizer does "
                "not count word by word, take a lower --max-tokens"
            )

    def _lengths(self, texts: list[str]) -> list[int]:
        return [len(found.ids) for found in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def _grow(self) -> None:
        old_keys, old_counts = self.keys, self.counts
        self.keys = np.zeros(len(old_keys) * 2, np.uint64)
        self.counts = np.zeros(len(old_keys) * 2, np.int32)
        self.filled = 0
        for key, count in zip(old_keys[old_keys != 0], old_counts[old_keys != 0], strict=True):
            self._insert(int(key), int(count))

    def _insert(self, key: int, count: int) -> None:
        mask = len(self.keys) - 1
        place = key & mask
        while self.keys[place] not in (0, key):
            place = (place + 1) & mask
        self.filled += int(self.keys[place] == 0)
        self.keys[place], self.counts[place] = key, count


def load_tokenizer(spec: str) -> WordCounts:
    """Load a tokenizer.

    Parameters
    ----------
    spec : str
        A ``tokenizer.json``, a WordPiece ``vocab.txt``, a folder with either, or the name of a repository whose
        tokenizer lies in the Hugging Face cache. Nothing is downloaded.

    Raises
    ------
    UsageError
        There is none, or it cannot be read.
    """
    path = Path(spec)
    file = path if path.is_file() else _in_folder(path) if path.is_dir() else _in_cache(spec)
    if file is None:
        raise UsageError(
            f"--tokenizer {spec} is no file, no folder with tokenizer.json or vocab.txt, and not in the Hugging Face "
            f"cache: fetch it with: hf download {spec} tokenizer.json"
        )
    tokenizer = _read(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    identity = hashlib.sha256(tokenizer.to_str().encode()).hexdigest()
    return WordCounts(tokenizer=tokenizer, special=len(tokenizer.encode("").ids), identity=identity)


def _in_folder(folder: Path) -> Path | None:
    return next((folder / name for name in ("tokenizer.json", "vocab.txt") if (folder / name).is_file()), None)


def _in_cache(name: str) -> Path | None:
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    snapshots = sorted((cache / f"models--{name.replace('/', '--')}" / "snapshots").glob("*"))
    return next((file for folder in snapshots if (file := _in_folder(folder)) is not None), None)


def _read(file: Path) -> Any:
    tokenizers = require("tokenizers", "tokens")
    try:
        if file.suffix == ".txt":
            return _word_pieces(tokenizers, file)
        return tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception for a file it cannot read
        raise UsageError(f"{file} is no readable tokenizer ({str(error)[:80]}): give tokenizer.json") from None


def _word_pieces(tokenizers: Any, file: Path) -> Any:
    # An old BERT folder: the vocabulary alone, with the case rule in tokenizer_config.json.
    config = file.with_name("tokenizer_config.json")
    lowercase = json.loads(config.read_text(encoding="utf-8")).get("do_lower_case", True) if config.exists() else True
    from tokenizers.implementations import BertWordPieceTokenizer

    made = BertWordPieceTokenizer(str(file), lowercase=bool(lowercase))
    return tokenizers.Tokenizer.from_str(made.to_str())
