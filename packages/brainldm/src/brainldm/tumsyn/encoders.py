"""Facts in, the vectors that the synthesis network is given out: ours of stage 1, one-hot, or another by its name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from braincaption.errors import UsageError
from brainldm.config import from_dict
from brainldm.model_folder import load_weights, save_weights
from brainldm.text.protocol import TextEncoder
from brainldm.text.registry import find_encoder, load_encoder, save_encoder
from brainldm.tumsyn.facts import Facts
from brainldm.tumsyn.settings import PromptSettings
from brainldm.tumsyn.text import PromptTransformer
from brainldm.tumsyn.tokens import PromptTokenizer

BMLIP, ONE_HOT = "built-in", "one-hot"
_ABOUT, _TOKENIZER, _WEIGHTS, _OTHER = "prompts.json", "tokenizer.json", "prompts.safetensors", "other"


class PromptEncoder(Protocol):
    """A frozen encoder of facts."""

    name: str
    width: int

    def encode(self, facts: Sequence[Facts]) -> torch.Tensor:
        """Return one vector each, float32 of shape (n, width), on the CPU."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything that `load_prompt_encoder` needs."""
        ...


class BmlipEncoder:
    """The text Transformer of stage 1 with its tokenizer."""

    name = BMLIP

    def __init__(self, tokenizer: PromptTokenizer, network: PromptTransformer, settings: PromptSettings) -> None:
        self.tokenizer, self.network, self.settings = tokenizer, network, settings
        self.width = settings.embedding

    @torch.no_grad()
    def encode(self, facts: Sequence[Facts]) -> torch.Tensor:
        """Return the normalised embeddings of the facts' prompts, scaled to one a channel on average."""
        found = functional.normalize(self.network(self.tokenizer.encode([one.prompt for one in facts])))
        return found.float().cpu() * self.width**0.5

    def save(self, folder: Path) -> None:
        """Write tokenizer, settings and weights."""
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.tokenizer.save(str(folder / _TOKENIZER))
        save_weights(folder / _WEIGHTS, self.network)
        _write_about(folder, {"kind": BMLIP, "settings": asdict(self.settings)})


class OneHotEncoder:
    """The contrast alone, as a vector of zeros with a single one: what a prompt is compared against."""

    name = ONE_HOT

    def __init__(self, contrasts: Sequence[str]) -> None:
        self.contrasts = tuple(contrasts)
        self.width = len(self.contrasts)

    def encode(self, facts: Sequence[Facts]) -> torch.Tensor:
        """Return rows of the identity."""
        places = [self.contrasts.index(str(one.contrast)) for one in facts]
        return functional.one_hot(torch.tensor(places), self.width).float()

    def save(self, folder: Path) -> None:
        """Write the contrasts."""
        _write_about(folder, {"kind": ONE_HOT, "contrasts": list(self.contrasts)})


class OtherEncoder:
    """A pretrained text encoder (see `brainldm.text.registry`), its pooled vector of the prompt as it is."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder, self.name, self.width = encoder, encoder.name, encoder.width

    def encode(self, facts: Sequence[Facts]) -> torch.Tensor:
        """Return the pooled vectors of the facts' prompts."""
        return self.encoder.encode([one.prompt for one in facts]).pooled

    def save(self, folder: Path) -> None:
        """Write the encoder in its own layout."""
        save_encoder(self.encoder, folder / _OTHER)
        _write_about(folder, {"kind": _OTHER})


def other_encoder(name: str, contrasts: Sequence[str]) -> PromptEncoder:
    """Return the encoder `name` that needs no stage 1: ``one-hot``, biomedbert, pubmedclip, a Hub name or a folder."""
    return OneHotEncoder(contrasts) if name == ONE_HOT else OtherEncoder(find_encoder(name))


def load_prompt_encoder(folder: Path) -> PromptEncoder:
    """Read an encoder that was saved.

    Raises
    ------
    UsageError
        The folder holds none, or a damaged one.
    """
    path = folder / _ABOUT
    if not path.is_file():
        raise UsageError(f"{folder} holds no text encoder (no {_ABOUT}): train the model again")
    about = json.loads(path.read_text(encoding="utf-8"))
    if about["kind"] == ONE_HOT:
        return OneHotEncoder(about["contrasts"])
    if about["kind"] == _OTHER:
        return OtherEncoder(load_encoder(folder / _OTHER))
    settings = from_dict(PromptSettings, about["settings"], str(path))
    raw = Tokenizer.from_file(str(folder / _TOKENIZER))
    tokenizer = PromptTokenizer(raw, numbers=settings.numbers, limit=settings.tokens)
    network = PromptTransformer(settings, tokenizer.size)
    load_weights(folder / _WEIGHTS, network)
    return BmlipEncoder(tokenizer, network.eval().requires_grad_(False), settings)


def _write_about(folder: Path, about: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True) + "\n", encoding="utf-8")
