"""kill -9 in every stage, then the same commands again: equal bytes, and what was finished is not done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = "from brainatlas.app import main; main()"
# Sixteen rows are written too fast to be caught in the middle.
SLOW_EXPAND = """
import time
import brainatlas.catalog.expand  # the package's name `expand` is the function
import sys
expand = sys.modules["brainatlas.catalog.expand"]
row = expand.row
expand.row = lambda *words: (time.sleep(0.2), row(*words))[1]
"""
PATIENCE_S = 240


def _start(*words: str | Path, before: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", before + PROGRAM, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def _kill_when(process: subprocess.Popen[bytes], out: Path, pattern: str, count: int = 1) -> None:
    """Kill the process and its children as soon as so many files appear in OUT."""
    end = time.monotonic() + PATIENCE_S
    while len(list(out.rglob(pattern))) < count and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _content(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.timeout(900)
def test_killed_runs_go_on_where_they_were(tmp_path: Path, brains: ModuleType) -> None:
    brains.write_cohort(tmp_path / "atlas", ["1", "2"])
    brains.write_cohort(tmp_path / "new", ["x", "y"], labelled=False)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    register = ("register", tmp_path / "atlas", tmp_path / "new", "--plugin", "Linear", "--out")
    vote = ("vote", "--method", "soft", "--plugin", "Linear")
    for words in ((*register, whole), (*vote, whole), ("expand", whole)):
        assert _start(*words).wait() == 0
    strip = ("strip", tmp_path / "new", "--plugin", "Linear", "--out", killed)
    _kill_when(_start(*strip), killed, "*_desc-brain_T1w.json")
    stripped = {path: path.stat().st_mtime_ns for path in killed.rglob("*_desc-brain_T1w.json")}
    assert len(stripped) == 1, "it was killed too late to show anything"
    assert _start(*strip).wait() == 0
    _kill_when(_start(*register, killed), killed, "*_xfm.mat")
    assert {path: path.stat().st_mtime_ns for path in stripped} == stripped
    finished = {path: path.stat().st_mtime_ns for path in killed.rglob("*_xfm.mat")}
    assert 0 < len(finished) < 4, "it was killed too late to show anything"
    assert _start(*register, killed).wait() == 0
    _kill_when(_start(*vote, killed), killed, "*_dseg.json")
    assert _start(*vote, killed).wait() == 0
    # The catalog is written aside: the partial file shows that expand is at work.
    expanding = _start("expand", killed, before=SLOW_EXPAND)
    _kill_when(expanding, killed, ".partial-*catalog.parquet")
    assert not (killed / "catalog.parquet").exists(), "expand ended before it was killed"
    assert _start("expand", killed).wait() == 0
    volumes = {name: ("materialize", name, "--out", tmp_path / f"{name.name}-volumes") for name in (whole, killed)}
    assert _start(*volumes[whole]).wait() == 0
    made = tmp_path / "killed-volumes"
    _kill_when(_start(*volumes[killed]), tmp_path, "killed-volumes/*_image.json", 3)
    seen = {path: path.stat().st_mtime_ns for path in made.glob("*_image.json")}
    assert 0 < len(seen) < 16, "materialize ended before it was killed"
    assert _start(*volumes[killed]).wait() == 0
    assert {path: path.stat().st_mtime_ns for path in seen} == seen
    assert _content(made) == _content(tmp_path / "whole-volumes")
    assert _content(killed) == _content(whole)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
