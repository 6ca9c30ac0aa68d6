"""One tiny phantom atlas and cohort, walked through atlas and captions once and shared by the tests that look at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
    "NIPYPE_NO_ET": "1",
    "HF_HUB_OFFLINE": "1",
}
Brain = Callable[..., subprocess.CompletedProcess[str]]


def run_brain(*arguments: object, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run `brain` as a user would, and check its exit code unless `expect` is None."""
    command = [str(Path(sys.executable).with_name("brain")), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=900)
    if expect is not None:
        assert done.returncode == expect, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def brain() -> Brain:
    """The command line, as a function."""
    return run_brain


@pytest.fixture(scope="session")
def start_brain() -> Callable[..., subprocess.Popen[bytes]]:
    """Start `brain` in a process group of its own, for tests that kill it."""

    def start(*arguments: object) -> subprocess.Popen[bytes]:
        command = [str(Path(sys.executable).with_name("brain")), *map(str, arguments)]
        silent = subprocess.DEVNULL
        return subprocess.Popen(command, env=ENVIRONMENT, stdout=silent, stderr=silent, start_new_session=True)

    return start


@pytest.fixture(scope="session")
def walk() -> Callable[[Path, Path, Path], Path]:
    """The flow from two cohorts to captions, as a function of (atlas, cohort, out)."""
    return walk_to_captions


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with two tiny phantom cohorts: `atlas` (2 people) and `cohort` (2 people), three contrasts each."""
    folder = tmp_path_factory.mktemp("phantoms")
    run_brain("atlas", "phantom", "--out", folder / "atlas", "--subjects", 2, "--size", "tiny", "--seed", 1)
    run_brain("atlas", "phantom", "--out", folder / "cohort", "--subjects", 2, "--size", "tiny", "--seed", 2)
    return folder


def walk_to_captions(atlas: Path, cohort: Path, out: Path) -> Path:
    """Register, vote, expand, tabulate and caption T1w and FLAIR into `out/atlas` and `out/captions`."""
    selected = ["--sequence", "T1w", "--sequence", "FLAIR"]
    run_brain("atlas", "register", atlas, cohort, "--out", out / "atlas", *selected)
    run_brain("atlas", "vote", out / "atlas")
    run_brain("atlas", "expand", out / "atlas")
    run_brain("caption", "tabulate", out / "atlas" / "catalog.parquet", "--out", out / "captions")
    run_brain("caption", "write", out / "captions", "--seed", 7)
    return out


@pytest.fixture(scope="session")
def walked(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantoms walked from cohort to captions, uninterrupted."""
    return walk_to_captions(phantoms / "atlas", phantoms / "cohort", tmp_path_factory.mktemp("walked"))
