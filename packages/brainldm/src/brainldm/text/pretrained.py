"""The name or folder of a BERT or CLIP text model in, an encoder with its own tokenizer out; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, CLIPTextModel

from braincaption.errors import UsageError
from brainldm.text.protocol import EncodedText

KNOWN = {
    "biomedbert": "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract-fulltext",
    "pubmedclip": "flaviagiammarino/pubmed-clip-vit-base-patch32",
}
_CLIP = ("clip", "clip_text_model")
_UNBOUNDED = 100_000  # tokenizers without a limit of their own report an astronomic one


class PretrainedEncoder:
    """A transformers text model, frozen; the pooled vector is CLIP's end-of-text state or BERT's mean over tokens."""

    def __init__(self, name: str, tokenizer: Any, model: Any) -> None:
        self.name, self.tokenizer, self.model = name, tokenizer, model.eval().requires_grad_(False)
        self.is_clip = model.config.model_type in _CLIP
        self.width: int = model.config.hidden_size
        limit = int(model.config.max_position_embeddings)
        self.max_tokens: int = min(
            limit, tokenizer.model_max_length if tokenizer.model_max_length < _UNBOUNDED else limit
        )

    @classmethod
    def load(cls, source: str) -> PretrainedEncoder:
        """Load a known name (biomedbert, pubmedclip), a Hub name from the local cache, or a folder.

        Raises
        ------
        UsageError
            Not in the local cache, no tokenizer beside it, weights that are not safetensors, or neither BERT nor CLIP.
        """
        place = KNOWN.get(source, source)
        options = {"local_files_only": True, "trust_remote_code": False}
        try:
            kind = AutoConfig.from_pretrained(place, **options).model_type
            reader = CLIPTextModel if kind in _CLIP else AutoModel
            tokenizer = AutoTokenizer.from_pretrained(place, **options)
            model = reader.from_pretrained(place, use_safetensors=True, **options)
        except (OSError, ValueError) as error:
            first = " ".join(str(error).split())[:120]
            raise UsageError(
                f"text encoder {source!r} does not load ({first}): give a folder, or fetch it once with "
                f"`hf download {place}` (weights as safetensors), or use built-in"
            ) from None
        return cls(source if source in KNOWN else Path(source).name, tokenizer, model)

    def count(self, caption: str) -> int:
        """Return the number of tokens of `caption`, special ones included."""
        return len(self.tokenizer(caption, verbose=False)["input_ids"])

    def spans(self, caption: str) -> list[tuple[int, int]]:
        """Return the characters (start, end) that each token covers; special tokens cover none."""
        found = self.tokenizer(
            caption, return_offsets_mapping=True, return_special_tokens_mask=True, truncation=True,
            max_length=self.max_tokens,
        )  # fmt: skip
        pairs = zip(found["offset_mapping"], found["special_tokens_mask"], strict=True)
        return [(0, 0) if special else (int(start), int(end)) for (start, end), special in pairs]

    @torch.no_grad()
    def encode(self, captions: Sequence[str]) -> EncodedText:
        """Return embeddings of `captions`, none longer than `max_tokens`."""
        found = self.tokenizer(
            list(captions), padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )
        mask = found["attention_mask"].bool()
        output = self.model(input_ids=found["input_ids"], attention_mask=found["attention_mask"])
        states = output.last_hidden_state.float()
        kept = states * mask.unsqueeze(-1)
        pooled = output.pooler_output.float() if self.is_clip else kept.sum(1) / mask.sum(1, keepdim=True)
        return EncodedText(tokens=kept, mask=mask, pooled=pooled)

    def save(self, folder: Path) -> None:
        """Write model and tokenizer in transformers' own layout, weights as safetensors."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
