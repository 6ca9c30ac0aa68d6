"""A run killed half-way and started again gives the bytes of an uninterrupted one, wherever its output lies."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

TABLES = ("atlas/catalog.parquet", "captions/slices/*.parquet", "captions/captions/*.parquet")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of catalog, slice table, captions, transforms and labels, by path below `folder`."""
    patterns = (*TABLES, "atlas/**/*_xfm.mat", "atlas/**/*_dseg.nii.gz")
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _killed(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill `process` with its children after `seconds`; tell whether it was still running."""
    time.sleep(seconds)
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


def test_killed_runs_finish_with_the_same_bytes_elsewhere(
    phantoms: Path,
    walked: Path,
    tmp_path: Path,
    start_brain: Callable[..., subprocess.Popen[bytes]],
    walk: Callable[[Path, Path, Path], Path],
) -> None:
    atlas, cohort, out = phantoms / "atlas", phantoms / "cohort", tmp_path / "another" / "place"
    register = ["atlas", "register", atlas, cohort, "--out", out / "atlas", "--sequence", "T1w", "--sequence", "FLAIR"]
    chance = random.Random(3)
    killed = sum(_killed(start_brain(*register), chance.uniform(8, 16)) for _ in range(2))
    start_brain(*register).wait()
    killed += _killed(start_brain("atlas", "vote", out / "atlas"), 6)
    walk(atlas, cohort, out)
    assert killed >= 1, "no run was caught half-way: this test shows nothing"
    assert digests(out) == digests(walked)
    assert len(digests(walked)) > 10
    assert not list(out.rglob(".partial-*")), "half-written files of killed runs were left"
