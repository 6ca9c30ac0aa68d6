"""register and vote through nipype's SLURM plugin on a one-node Slurm: jobs really go there, with equal bytes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = "from brainatlas.app import main; main()"


def _slurm() -> ModuleType:
    spec = importlib.util.spec_from_file_location("one_node_slurm", Path(__file__).with_name("one_node_slurm.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(environment: dict[str, str], *words: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _content(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.slurm
@pytest.mark.timeout(900)
def test_the_workflow_runs_on_slurm(tmp_path: Path, brains: ModuleType) -> None:
    slurm = _slurm()
    reason = slurm.why_not()
    if reason is not None:
        pytest.skip(f"no Slurm here: {reason}")
    brains.write_cohort(tmp_path / "atlas", ["1", "2"])
    brains.write_cohort(tmp_path / "new", ["x"], labelled=False)
    (tmp_path / "slurm").mkdir()
    here, there = tmp_path / "here", tmp_path / "there"
    cohorts = (tmp_path / "atlas", tmp_path / "new")
    _run(dict(os.environ), "register", *cohorts, "--out", here, "--plugin", "Linear")
    _run(dict(os.environ), "vote", here, "--method", "soft", "--plugin", "Linear")
    plugin = (
        "--plugin",
        "SLURM",
        "--plugin-args",
        json.dumps({"sbatch_args": "--ntasks=1", "dont_resubmit_completed_jobs": True}),
    )
    with slurm.one_node_slurm(tmp_path / "slurm") as environment:
        _run(environment, "register", *cohorts, "--out", there, *plugin)
        _run(environment, "vote", there, "--method", "soft", *plugin)
    ran = (tmp_path / "slurm/slurmctld.log").read_text(errors="replace").count("_slurm_rpc_submit_batch_job: JobId=")
    assert ran >= 4  # a job a scan for register, one for the scan that was voted
    assert _content(there) == _content(here)
