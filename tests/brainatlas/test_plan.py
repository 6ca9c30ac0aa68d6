"""What a run would cost, against figures worked out by hand and the paper's."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from typer.testing import CliRunner

from brainatlas.app import app
from brainatlas.catalog.plan import cost


def test_the_papers_cohorts_need_20100_pairs_and_give_40401_volumes() -> None:
    paper = cost([(256, 128, 256)] * 18 + [(256, 256, 160)] * 77 + [(256, 256, 130)] * 64 + [(181, 256, 256)] * 42,
                 voters=18, to_label=183)  # fmt: skip
    assert (paper.scans, paper.registrations, paper.pairs, paper.volumes) == (201, 201, 20_100, 40_401)
    assert 25_000_000 < paper.grid_slices < 28_000_000
    assert paper.pairwise_hours > 8 * paper.hours or paper.pairwise_hours - paper.hours > 20


def test_slices_are_the_sum_of_the_three_axes() -> None:
    small = cost([(10, 20, 30), (40, 50, 60)], voters=1, to_label=1)
    assert small.grid_slices == 2 * (60 + 150) and small.volumes == 4 and small.pairs == 1


def test_the_command_reads_headers_only(tmp_path: Path, brains: ModuleType) -> None:
    brains.write_cohort(tmp_path / "atlas", ["1", "2"])
    brains.write_cohort(tmp_path / "new", ["x"], labelled=False, contrasts=("T1w", "FLAIR"))
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(app, ["plan", str(tmp_path / "atlas"), str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    assert "2 labelled people vote, 2 scans to label" in result.output
    assert "--scheme pairwise: 6" in result.output
    assert sorted(tmp_path.rglob("*")) == before
