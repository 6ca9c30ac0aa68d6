"""Prompts in, token ids (and numbers apart from them) out: CLIP's byte-pair encoding, or pieces made from prompts."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer

from braincaption.errors import UsageError
from brainldm.text.builtin import make_tokenizer
from brainldm.text.numbers import NUMBER_TOKEN, take_numbers

FROM_PROMPTS = "prompts"
START, END = "<|startoftext|>", "<|endoftext|>"
_WORD_END = "</w>"
_CLIP_MERGES = 49_152 - 256 - 2  # of the lines in the published file, CLIP uses so many
# Words, single digits and runs of signs, each without the space before it (Radford et al. 2021).
_CLIP_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Prompts as tokens, padded to the longest.

    Attributes
    ----------
    ids : Tensor of int64, shape (n, longest)
    values : Tensor of float32, shape (n, longest)
        The number that a token stands for; 0 elsewhere.
    ends : Tensor of int64, shape (n,)
        Place of each prompt's end token.
    """

    ids: torch.Tensor
    values: torch.Tensor
    ends: torch.Tensor


class PromptTokenizer:
    """A tokenizer with what the text Transformer needs of it.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        Ends every text with an end token.
    numbers : bool
        Numbers are taken out and become one token each.
    limit : int
        Largest number of tokens.
    """

    def __init__(self, tokenizer: Tokenizer, *, numbers: bool, limit: int) -> None:
        self.tokenizer, self.numbers, self.limit = tokenizer, numbers, limit
        self._number_id = tokenizer.token_to_id(NUMBER_TOKEN) if numbers else None

    @property
    def size(self) -> int:
        """Number of tokens in the vocabulary."""
        return int(self.tokenizer.get_vocab_size())

    def encode(self, prompts: Sequence[str]) -> Tokens:
        """Return the tokens of `prompts`; UsageError where one is longer than the limit."""
        numbered = [take_numbers(prompt) for prompt in prompts]
        texts = [one.text for one in numbered] if self.numbers else list(prompts)
        rows = [self.tokenizer.encode(text).ids for text in texts]
        longest = max(len(row) for row in rows)
        if longest > self.limit:
            long = prompts[max(range(len(rows)), key=lambda i: len(rows[i]))]
            raise UsageError(
                f"the prompt {long[:60]!r} has {longest} tokens, at most {self.limit} are read: shorten it"
            )
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        values = torch.zeros(len(rows), longest)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            if self.numbers:
                values[i, [at for at, token in enumerate(row) if token == self._number_id]] = torch.tensor(
                    numbered[i].values
                )
        return Tokens(ids=ids, values=values, ends=torch.tensor([len(row) - 1 for row in rows]))


def make_prompt_tokenizer(
    source: str, prompts: Sequence[str], *, vocabulary: int, numbers: bool, limit: int
) -> PromptTokenizer:
    """Return a tokenizer.

    Parameters
    ----------
    source : str
        ``prompts``: pieces made from `prompts`. Otherwise CLIP's: a folder or Hub name (from the local cache) that
        transformers' CLIP tokenizer lies in, or its published file of merges, which ships inside the wheel of
        open_clip_torch (``bpe_simple_vocab_16e6.txt.gz``).
    prompts : sequence of str
    vocabulary : int
        Size of a vocabulary made from `prompts`.
    numbers : bool
    limit : int

    Raises
    ------
    UsageError
        CLIP's tokenizer is not to be had, or it shall take numbers out, for which it has no token.
    """
    if source == FROM_PROMPTS:
        return PromptTokenizer(make_tokenizer(prompts, vocabulary), numbers=numbers, limit=limit)
    if numbers:
        raise UsageError(f"the tokenizer {source} has no token for a number: set numbers = false in [text]")
    path = Path(source)
    made = _from_merges(path) if path.is_file() else _from_transformers(source)
    return PromptTokenizer(made, numbers=False, limit=limit)


def _from_merges(path: Path) -> Tokenizer:
    try:
        packed = path.read_bytes()
        text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8")
        lines = text.split("\n")[1 : 1 + _CLIP_MERGES]
        merges = [(pair[0], pair[1]) for pair in (line.split() for line in lines if line.strip())]
    except (OSError, EOFError, UnicodeDecodeError, IndexError) as error:
        raise UsageError(f"{path} is no file of merges ({error}): take it from the wheel of open_clip_torch") from None
    return clip_tokenizer(merges)


def clip_tokenizer(merges: Sequence[tuple[str, str]]) -> Tokenizer:
    """Return CLIP's byte-pair tokenizer from its merges: lower case, bytes as letters, words end with ``</w>``."""
    letters = _byte_letters()
    pieces = [
        *letters,
        *(f"{letter}{_WORD_END}" for letter in letters),
        *("".join(pair) for pair in merges),
        START,
        END,
    ]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    model = models.BPE(
        vocab=vocabulary, merges=list(merges), continuing_subword_prefix="", end_of_word_suffix=_WORD_END,
        unk_token=END,
    )  # fmt: skip
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_CLIP_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.BPEDecoder(suffix=_WORD_END)
    tokenizer.add_special_tokens([START, END])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, vocabulary[START]), (END, vocabulary[END])]
    )
    return tokenizer


def _byte_letters() -> list[str]:
    """Return the 256 characters that stand for bytes, printable ones first, in the order of GPT-2 and CLIP."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in shown] + [chr(256 + i) for i in range(256 - len(shown))]


def _from_transformers(source: str) -> Tokenizer:
    try:
        found: Any = AutoTokenizer.from_pretrained(source, local_files_only=True, trust_remote_code=False)
        tokenizer: Tokenizer = found.backend_tokenizer
    except (OSError, ValueError, AttributeError) as error:
        first = " ".join(str(error).split())[:100]
        raise UsageError(
            f"CLIP's tokenizer {source!r} does not load ({first}): fetch it once with `hf download {source}`, or give "
            "the path of bpe_simple_vocab_16e6.txt.gz out of the wheel of open_clip_torch"
        ) from None
    return tokenizer
