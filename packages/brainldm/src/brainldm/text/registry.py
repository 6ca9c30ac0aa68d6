"""An encoder's name or folder in, the encoder out; a saved one is read back the same way."""

from __future__ import annotations

import json
from pathlib import Path

from braincaption.errors import UsageError
from brainldm.text.builtin import NAME, BuiltInEncoder
from brainldm.text.pretrained import PretrainedEncoder
from brainldm.text.protocol import TextEncoder

_KIND = "encoder.json"


def save_encoder(encoder: TextEncoder, folder: Path) -> None:
    """Write `encoder` with what tells `load_encoder` its kind."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder.save(folder)
    kind = NAME if isinstance(encoder, BuiltInEncoder) else "pretrained"
    document = {"kind": kind, "name": encoder.name}
    (folder / _KIND).write_text(json.dumps(document, sort_keys=True) + "\n", encoding="utf-8")


def load_encoder(folder: Path) -> TextEncoder:
    """Read an encoder that `save_encoder` wrote."""
    path = folder / _KIND
    if not path.is_file():
        raise UsageError(f"{folder} holds no text encoder (no {_KIND}): encode the slices again")
    document = json.loads(path.read_text(encoding="utf-8"))
    if document["kind"] == NAME:
        return BuiltInEncoder.load(folder)
    encoder = PretrainedEncoder.load(str(folder))
    encoder.name = document["name"]
    return encoder


def is_builtin(name: str) -> bool:
    """Tell whether `name` asks for the built-in encoder, which is made from the captions."""
    return name == NAME


def find_encoder(name: str) -> TextEncoder:
    """Return the pretrained encoder `name`: biomedbert, pubmedclip, a Hub name in the local cache, or a folder."""
    folder = Path(name)
    return load_encoder(folder) if (folder / _KIND).is_file() else PretrainedEncoder.load(name)
