"""Seconds that the zoo's benchmarks keep: they add up when a killed run goes on, and a look at a model adds none."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).parents[2] / "benchmarks" / "zoo" / "spent.py"
BUSY = "import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass"
# A part under way whose child keeps a core busy for longer than the test lets it.
UNDER_WAY = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from spent import Spent
with Spent(Path(sys.argv[2]), every_s=0.1).part("training", Path(sys.argv[2], "weights")):
    subprocess.run([sys.executable, "-c", sys.argv[3]])
"""


@pytest.fixture(scope="module")
def spent() -> ModuleType:
    """The module, which lies beside the scripts that use it."""
    spec = importlib.util.spec_from_file_location("spent", SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kept(work: Path) -> dict[str, dict[str, float]]:
    """Return what is written down, every digit of it."""
    path = work / "spent.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def be_busy(seconds: float) -> None:
    """Let a child process use a core."""
    subprocess.run([sys.executable, "-c", BUSY.format(seconds=seconds)], check=True)


def test_parts_stand_by_themselves_with_the_seconds_of_children(spent: ModuleType, tmp_path: Path) -> None:
    book = spent.Spent(tmp_path / "work")
    with book.part("training"):
        be_busy(0.6)
    with book.part("scoring"):
        time.sleep(0.6)
    found = kept(tmp_path / "work")
    assert found["training"]["cpu"] >= 0.6 and found["training"]["wall"] >= 0.6
    assert found["scoring"]["wall"] >= 0.6 and found["scoring"]["cpu"] < 0.5
    assert book.seconds["training"].keys() == {"wall", "cpu"}
    assert all(isinstance(one, int) for part in book.seconds.values() for one in part.values())


def test_a_run_that_fails_and_goes_on_adds_up(spent: ModuleType, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    with pytest.raises(KeyboardInterrupt), spent.Spent(tmp_path).part("training", weights):
        time.sleep(0.3)
        raise KeyboardInterrupt
    first = kept(tmp_path)["training"]["wall"]
    with spent.Spent(tmp_path).part("training", weights):
        time.sleep(0.3)
        weights.write_text("trained")
    assert first >= 0.3
    assert kept(tmp_path)["training"]["wall"] >= first + 0.3


def test_a_killed_run_has_written_its_seconds_down(spent: ModuleType, tmp_path: Path) -> None:
    words = [sys.executable, "-c", UNDER_WAY, SOURCE.parent, tmp_path, BUSY.format(seconds=60)]
    run = subprocess.Popen(list(map(str, words)), start_new_session=True)
    end = time.monotonic() + 60
    while kept(tmp_path).get("training", {"cpu": 0.0})["cpu"] < 0.5 and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    before = kept(tmp_path)["training"]
    assert before["cpu"] >= 0.5 and before["wall"] >= 0.4
    with spent.Spent(tmp_path).part("training", tmp_path / "weights"):
        be_busy(0.5)
    assert kept(tmp_path)["training"]["cpu"] >= before["cpu"] + 0.5


def test_a_look_at_a_finished_part_adds_nothing(spent: ModuleType, tmp_path: Path) -> None:
    weights = tmp_path / "weights"

    def train(text: str) -> dict[str, float]:
        with spent.Spent(tmp_path, every_s=0.01).part("training", weights):
            time.sleep(0.1)
            weights.write_text(text)  # a finished training writes its weights once more
        return kept(tmp_path)["training"]

    first = train("1,000 steps")
    assert train("1,000 steps") == first
    assert train("2,000 steps")["wall"] >= first["wall"] + 0.1


def test_a_part_without_results_is_finished_when_it_came_to_its_end(spent: ModuleType, tmp_path: Path) -> None:
    def score(fails: bool) -> float:
        with suppress(InterruptedError), spent.Spent(tmp_path).part("scoring"):
            time.sleep(0.1)
            if fails:
                raise InterruptedError
        return kept(tmp_path)["scoring"]["wall"]

    first, second = score(True), score(False)
    assert second >= first + 0.1
    assert score(False) == second


def test_two_runs_in_one_folder_keep_each_others_seconds(spent: ModuleType, tmp_path: Path) -> None:
    with spent.Spent(tmp_path, every_s=0.02).part("one"), spent.Spent(tmp_path, every_s=0.02).part("other"):
        time.sleep(0.3)
    assert min(part["wall"] for part in kept(tmp_path).values()) >= 0.3


def test_results_of_which_no_seconds_were_kept_get_none_from_a_look(spent: ModuleType, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_text("trained elsewhere")
    with spent.Spent(tmp_path).part("training", weights):
        time.sleep(0.1)
    assert spent.Spent(tmp_path).seconds == {}
    with spent.Spent(tmp_path).part("training", weights):
        weights.write_text("trained on")
    assert "training" in kept(tmp_path)
