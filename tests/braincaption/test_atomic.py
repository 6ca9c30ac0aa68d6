"""Outputs appear whole or not at all, and the failure table keeps what other stages recorded."""

from __future__ import annotations

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
