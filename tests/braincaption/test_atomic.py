"""Outputs appear whole or not at all, and the failure table keeps what other stages recorded."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from braincaption.atomic import atomic_folder, atomic_path, remove_leftovers
from braincaption.errors import PartialFailure
from braincaption.failures import FailureLog, read_failures


def test_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "table.parquet"
    target.write_text("old")

    def fail() -> None:
        with atomic_path(target) as aside:
            aside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_aside_keeps_the_suffix_that_libraries_read(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "scan.nii.gz") as aside:
        assert aside.name.endswith(".nii.gz")
        aside.write_text("x")


def test_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "dataset"
    for content in ("first", "second"):
        with atomic_folder(target) as aside:
            (aside / content).write_text(content)
    assert [path.name for path in target.iterdir()] == ["second"]


def test_leftovers_of_killed_runs_go(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".partial-12-scan.nii.gz").write_text("half")
    (tmp_path / "a" / "scan.nii.gz").write_text("whole")
    remove_leftovers(tmp_path)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["scan.nii.gz"]


def test_what_a_running_process_writes_stays_and_a_dead_ones_goes(tmp_path: Path) -> None:
    # The child writes the same way as we do; it says so, then waits until it is killed.
    code = (
        "import sys, time; from pathlib import Path; from braincaption.atomic import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as aside:\n"
        "    aside.write_text('half'); print('half', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "scan.nii")], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"half\n"
        remove_leftovers(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
        child.kill()
    remove_leftovers(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_another_machine_wrote_stays_for_a_day(tmp_path: Path) -> None:
    fresh, old = (tmp_path / f".partial-00000{n}.{os.getpid()}-scan.nii" for n in range(2))
    for path in (fresh, old):
        path.write_text("half")
    os.utime(old, (0, time.time() - 25 * 3600))
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [fresh]


def test_outputs_have_the_mode_that_the_users_mask_gives(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "weights") as aside:
        aside.write_text("private")
        aside.chmod(0o600)
    (tmp_path / "plain").write_text("as any other file")
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_failures_of_other_stages_stay_and_repaired_ones_go(tmp_path: Path) -> None:
    strip = FailureLog(tmp_path, "strip")
    strip.add("scan-1", "all zero:\nexport again")
    with pytest.raises(PartialFailure, match="scan-1"):
        strip.close()
    register = FailureLog(tmp_path, "register")
    register.add("scan-2", "truncated")
    with pytest.raises(PartialFailure):
        register.close()
    assert read_failures(tmp_path) == [
        ("strip", "scan-1", "all zero: export again"),
        ("register", "scan-2", "truncated"),
    ]
    FailureLog(tmp_path, "strip").close()
    FailureLog(tmp_path, "register").close()
    assert not strip.path.exists()


def test_working_on_one_cohort_keeps_what_failed_in_another(tmp_path: Path) -> None:
    first = FailureLog(tmp_path, "register")
    first.add("old_sub-01_T1w", "truncated")
    with pytest.raises(PartialFailure):
        first.close({"old"})
    FailureLog(tmp_path, "register").close({"new"})
    assert read_failures(tmp_path) == [("register", "old_sub-01_T1w", "truncated")]
    FailureLog(tmp_path, "register").close({"old"})
    assert read_failures(tmp_path) == []
