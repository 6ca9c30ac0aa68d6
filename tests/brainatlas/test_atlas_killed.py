"""kill -9 in the middle of register and of vote, then the same commands again: equal bytes, nothing done twice."""

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
PATIENCE_S = 240


def _start(*words: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def _kill_when(process: subprocess.Popen[bytes], out: Path, pattern: str) -> None:
    """Kill the process and its children as soon as a file appears in OUT."""
    end = time.monotonic() + PATIENCE_S
    while not list(out.rglob(pattern)) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
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
    _kill_when(_start(*register, killed), killed, "*_xfm.mat")
    finished = {path: path.stat().st_mtime_ns for path in killed.rglob("*_xfm.mat")}
    assert 0 < len(finished) < 4, "it was killed too late to show anything"
    assert _start(*register, killed).wait() == 0
    _kill_when(_start(*vote, killed), killed, "*_dseg.json")
    for words in ((*vote, killed), ("expand", killed)):
        assert _start(*words).wait() == 0
    assert _content(killed) == _content(whole)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
