"""A path to write in, the same path whole or not at all out: outputs are written aside and renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MARK = ".partial-"


def _aside(target: Path) -> Path:
    # The mark comes first and the name last, so that suffixes (.nii.gz, .parquet) still tell libraries the format.
    return target.with_name(f"{_MARK}{os.getpid()}-{target.name}")


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
    """Delete what killed runs left half-written anywhere below `folder`."""
    for left in sorted(folder.rglob(f"{_MARK}*")):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
