"""A cleared dataset folder in, the same files on the Hub out, in parts; what is there already is not sent again."""

from __future__ import annotations

import hashlib
import html
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from braincaption.dataset.build import CARD
from braincaption.dataset.card import PERMISSION_MARK
from braincaption.dataset.settings import CONFIGS
from braincaption.errors import BrainError, UsageError
from braincaption.extras import require
from braincaption.publish.gate import Cleared, clear
from braincaption.publish.patience import Patience
from braincaption.publish.settings import PublishSettings

KIND = "dataset"
_CHUNK = 1 << 22


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Sends one folder to one repository.

    Parameters
    ----------
    api : huggingface_hub.HfApi
        Or a fake with ``create_repo``, ``repo_info``, ``list_repo_tree``, ``create_commit``, ``update_repo_settings``.
    folder : Path
    repo_id : str
    settings : PublishSettings
    patience : Patience
    """

    api: Any
    folder: Path
    repo_id: str
    settings: PublishSettings
    patience: Patience = field(default_factory=Patience)

    def publish(self, cleared: Cleared) -> list[str]:
        """Bring the repository to the state of the folder; return the paths that had to be sent.

        Shards go first, a part at a time, the card last, so that a repository with a card is whole. Shards of an
        earlier version that are not in the folder are deleted with the last part.

        Raises
        ------
        UsageError
            The repository is public and ``public`` was not said.
        BrainError
            The Hub refused, or what arrived is not what was sent.
        """
        self._open_repository()
        files = self._files(cleared)
        there = self._there()
        sums = {path: _sums(content) for path, content in files.items()}
        missing = [path for path in files if there.get(path) not in sums[path]]
        stale = [path for path in there if path.partition("/")[0] in CONFIGS and path not in files]
        data = [path for path in missing if path in cleared.shards]
        rest = [path for path in missing if path not in cleared.shards]
        for number, part in enumerate(self._parts(data), start=1):
            self._commit({path: files[path] for path in part}, [], f"Add shards, part {number}")
        if rest or stale:
            self._commit({path: files[path] for path in rest}, stale, "Add card and metadata")
        self._verify(sums)
        if self.settings.public:
            self._call("make the repository public", self._make_public)
        return missing

    def _open_repository(self) -> None:
        def make() -> None:
            self.api.create_repo(self.repo_id, repo_type=KIND, private=True, exist_ok=True)

        self._call("make the repository", make)
        info = self._call("look at the repository", lambda: self.api.repo_info(self.repo_id, repo_type=KIND))
        if not info.private and not self.settings.public:
            raise UsageError(f"{self.repo_id} is public: say --public, or name a private repository")

    def _files(self, cleared: Cleared) -> dict[str, Path | bytes]:
        files: dict[str, Path | bytes] = {path: self.folder / path for path in (*cleared.shards, *cleared.beside)}
        card = (self.folder / CARD).read_text(encoding="utf-8")
        files[CARD] = signed(card, self.settings.permission, self.repo_id).encode()
        return files

    def _there(self) -> dict[str, str]:
        """Return the checksum of every file in the repository: SHA-256 of large ones, git's blob id of small ones."""

        def read() -> dict[str, str]:
            tree = self.api.list_repo_tree(self.repo_id, repo_type=KIND, recursive=True)
            files = [item for item in tree if hasattr(item, "blob_id")]
            return {item.path: item.lfs.sha256 if item.lfs else item.blob_id for item in files}

        return self._call("list the repository", read)

    def _parts(self, paths: list[str]) -> Iterator[list[str]]:
        part: list[str] = []
        size = 0
        for path in paths:
            length = (self.folder / path).stat().st_size
            full = len(part) == self.settings.files_per_commit or size + length > self.settings.bytes_per_commit
            if part and full:
                yield part
                part, size = [], 0
            part.append(path)
            size += length
        if part:
            yield part

    def _commit(self, files: dict[str, Path | bytes], stale: list[str], message: str) -> None:
        hub = require("huggingface_hub", "hub")

        def send() -> None:
            # Made anew for each attempt: an operation remembers how far it got.
            adds = [hub.CommitOperationAdd(path, content) for path, content in files.items()]
            deletes = [hub.CommitOperationDelete(path) for path in stale]
            self.api.create_commit(
                self.repo_id, operations=[*adds, *deletes], commit_message=message, repo_type=KIND, num_threads=2
            )

        self._call(f"send {len(files)} files", send)

    def _verify(self, sums: dict[str, tuple[str, str]]) -> None:
        there = self._there()
        wrong = [path for path, both in sums.items() if there.get(path) not in both]
        if wrong:
            raise BrainError(f"{len(wrong)} files differ on the Hub, {wrong[0]} among them: run the same command again")

    def _make_public(self) -> None:
        self.api.update_repo_settings(self.repo_id, repo_type=KIND, visibility="public")

    def _call(self, what: str, function: Any) -> Any:
        return self.patience.call(what, function)


def signed(card: str, permission: str | None, repo_id: str) -> str:
    """Return the card as it goes out: with the repository's name, and the permission quoted where there is one."""
    quoted = ""
    if permission and permission.strip():
        lines = html.escape(permission.strip(), quote=False).splitlines()
        quoted = "## Permission\n\nThe publisher states that the owners allowed this, in these words:\n\n" + "\n".join(
            f"> {line}".rstrip() for line in lines
        )
    return card.replace(PERMISSION_MARK, quoted).replace("REPO_OR_FOLDER", repo_id)


def _sums(content: Path | bytes) -> tuple[str, str]:
    """Return SHA-256 and git blob id: the Hub lists a large file by the one and a small one by the other."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    whole, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            whole.update(chunk)
            blob.update(chunk)
    return whole.hexdigest(), blob.hexdigest()


def publish_dataset(folder: Path, repo_id: str, settings: PublishSettings, dry_run: bool) -> list[str]:
    """Check the gates and publish; with `dry_run` only say what would be sent.

    Raises
    ------
    UsageError
        A gate refused, or `repo_id` is no ``name/of-dataset``.
    BrainError
        The Hub could not be reached, or refused.
    """
    if repo_id.count("/") != 1 or not all(repo_id.split("/")):
        raise UsageError(f"{repo_id} is no repository: wanted OWNER/NAME")
    cleared = clear(folder, settings)
    if dry_run:
        return [*cleared.shards, *cleared.beside, CARD]
    hub = require("huggingface_hub", "hub")
    if not sys.stderr.isatty():
        require("huggingface_hub.utils", "hub").disable_progress_bars()
    return Publisher(api=hub.HfApi(), folder=folder, repo_id=repo_id, settings=settings).publish(cleared)
