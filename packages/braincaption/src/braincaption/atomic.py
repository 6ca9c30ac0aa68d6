"""A path to write in, the same path whole or not at all out: outputs are written aside and renamed."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MARK = ".partial-"
_HOST = hashlib.sha1(platform.node().encode(), usedforsecurity=False).hexdigest()[:6]
_WRITTEN = re.compile(rf"{re.escape(_MARK)}([0-9a-f]{{6}})\.(\d+)-")
# Whether a process of another machine still writes cannot be seen from here; none takes a day for one file.
_ABANDONED_S = 24 * 3600
# Read once, as asking for it means setting it, which other threads would see.
_UMASK = os.umask(0o077)
os.umask(_UMASK)


def _aside(target: Path) -> Path:
    # The mark comes first and the name last, so that suffixes (.nii.gz, .parquet) still tell libraries the format.
    return target.with_name(f"{_MARK}{_HOST}.{os.getpid()}-{target.name}")


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a path beside `target`; on success it becomes `target`, on any error it vanishes.

    Parameters
    ----------
    target : Path
        File to appear. Missing parent folders are made. An existing file is replaced in one step.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "logs" / "note.txt"
    >>> with atomic_path(target) as aside:
    ...     _ = aside.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(target)
    try:
        yield aside
        aside.chmod(0o666 & ~_UMASK)  # some writers (safetensors) let nobody else read what they write
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`; on success it becomes `target` (replacing it), on error it vanishes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(target)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
        if target.exists():
            shutil.rmtree(target)
        aside.replace(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Delete what killed runs left half-written anywhere below `folder`; what a running process writes stays."""
    for left in sorted(folder.rglob(f"{_MARK}*")):
        if _still_written(left):
            continue
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _still_written(aside: Path) -> bool:
    found = _WRITTEN.match(aside.name)
    if found is None:
        return False
    host, process = found[1], int(found[2])
    if host != _HOST:
        try:
            return time.time() - aside.stat().st_mtime < _ABANDONED_S
        except FileNotFoundError:
            return False
    return process != os.getpid() and _runs(process)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
