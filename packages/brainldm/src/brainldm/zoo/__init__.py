"""Models by name: those that ship with the package, and those imported into the user's zoo folder."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from braincaption.atomic import atomic_folder
from braincaption.errors import UsageError
from brainldm.model_folder import CARD, CONFIG, ModelRecord, checksum, read_record
from brainldm.systems import ModelFacts, keeper

FOLDER = "BRAIN_ZOO"  # environment variable that names the user's zoo folder
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model of the zoo: its name, its folder, and whether it ships with the package."""

    name: str
    folder: Path
    shipped: bool

    @property
    def record(self) -> ModelRecord:
        """Settings, data and shapes of the model."""
        return read_record(self.folder)

    @property
    def facts(self) -> ModelFacts:
        """What it draws, in which sequences, and the checksum, whichever system it is of."""
        return model_facts(self.folder)

    @property
    def checksum(self) -> str:
        """SHA-256 over weights and settings."""
        return self.facts.checksum

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        path = self.folder / CARD
        return path.read_text(encoding="utf-8") if path.is_file() else ""


def user_folder() -> Path:
    """Return the user's zoo folder: BRAIN_ZOO, or brainldm/zoo below the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get(FOLDER, cache / "brainldm" / "zoo"))


def entries() -> list[Entry]:
    """Return the models of the zoo by name; a user's model hides a shipped one of the same name."""
    with as_file(files("brainldm.models")) as shipped:
        found = {path.parent.name: Entry(name=path.parent.name, folder=path.parent, shipped=True)
                 for path in sorted(shipped.glob(f"*/{CONFIG}"))}  # fmt: skip
    for path in sorted(user_folder().glob(f"*/{CONFIG}")):
        found[path.parent.name] = Entry(name=path.parent.name, folder=path.parent, shipped=False)
    return [found[name] for name in sorted(found)]


def find_entry(name: str) -> Entry:
    """Return the zoo's model `name`.

    Raises
    ------
    UsageError
        No such model.
    """
    found = {entry.name: entry for entry in entries()}
    if name not in found:
        names = ", ".join(found) or "none yet"
        raise UsageError(f"no model {name!r} in the zoo ({names}): bring one in with `brain ldm zoo import SRC {name}`")
    return found[name]


def model_facts(folder: Path) -> ModelFacts:
    """Return what a model folder draws; UsageError where it is none."""
    system = keeper(folder)
    if system is not None:
        facts: ModelFacts = system.facts(folder)
        return facts
    record = read_record(folder)
    size = "×".join(str(length) for length in record.image_shape)
    return ModelFacts(size=size, sequences=record.sequences, checksum=checksum(folder))


def find_model(name: str) -> Path:
    """Return the folder of a model given by folder or by its name in the zoo."""
    return Path(name) if Path(name).is_dir() else find_entry(name).folder


def import_model(source: str, name: str) -> Entry:
    """Copy a model into the user's zoo.

    Parameters
    ----------
    source : str
        A model folder, or the id of a Hub repository (fetched by this explicit command, safetensors only).
    name : str
        Lower-case letters, digits, dot, dash, underscore.

    Raises
    ------
    UsageError
        A bad name, or a source that is no model folder.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no model name: use lower-case letters, digits, dots, dashes and underscores")
    folder = Path(source) if Path(source).is_dir() else _from_hub(source)
    model_facts(folder)
    target = user_folder() / name
    with atomic_folder(target) as aside:
        shutil.copytree(folder, aside, dirs_exist_ok=True, ignore=shutil.ignore_patterns("training", ".*"))
    return Entry(name=name, folder=target, shipped=False)


def push_model(name: str, repo_id: str, public: bool) -> str:
    """Upload the model `name` to the Hub, private unless `public`, and return its address."""
    from braincaption.extras import require

    hub = require("huggingface_hub", "hub")
    entry = find_entry(name)
    address = str(hub.create_repo(repo_id, private=not public, exist_ok=True))
    hub.upload_folder(repo_id=repo_id, folder_path=str(entry.folder), commit_message=f"{name} {entry.checksum[:12]}")
    return address


def _from_hub(repo_id: str) -> Path:
    from braincaption.extras import require

    hub = require("huggingface_hub", "hub")
    try:
        return Path(
            hub.snapshot_download(repo_id, allow_patterns=["*.json", "*.safetensors", "*.txt", "*.md", "LICENSE*"])
        )
    except Exception as error:  # the Hub's client raises a dozen kinds; all mean that the model is not to be had
        first = " ".join(str(error).split())[:120]
        raise UsageError(f"{repo_id} is neither a folder nor a Hub repository that answers ({first})") from None
