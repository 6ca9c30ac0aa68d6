"""A folder in, the sorted list of the files below it out, walked once; hidden and half-written files are left out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from braincaption.errors import UsageError

# Folders that hold no scans of a cohort, however large they are.
SKIPPED = frozenset({"sourcedata", "code", "logs", "stimuli", "__MACOSX", "__pycache__"})


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The files below a folder.

    Attributes
    ----------
    root : Path
    files : tuple of str
        Paths relative to `root`, with ``/``, sorted.
    """

    root: Path
    files: tuple[str, ...]

    @cached_property
    def _listed(self) -> frozenset[str]:
        return frozenset(self.files)

    def __contains__(self, relative: str) -> bool:
        return relative in self._listed

    def path(self, relative: str) -> Path:
        """The file's path on disk."""
        return self.root / relative


def walk(root: Path) -> Tree:
    """List the files below `root`; links to folders are followed once.

    Raises
    ------
    UsageError
        `root` does not exist, is no folder, or may not be read.
    """
    if not root.exists():
        raise UsageError(f"{root} does not exist: check the path of the cohort")
    if not root.is_dir():
        raise UsageError(f"{root} is a file, wanted the folder of a cohort: give the folder that holds it")
    try:
        next(root.iterdir(), None)
    except OSError as error:
        raise UsageError(f"{root} cannot be read ({error.strerror}): check its permissions") from None
    files: list[str] = []
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in SKIPPED)
        below = Path(folder).relative_to(root).as_posix()
        prefix = "" if below == "." else f"{below}/"
        files.extend(prefix + name for name in names if not name.startswith("."))
    return Tree(root=root, files=tuple(sorted(files)))
