"""Where jobs run does not show in what they make: here, in processes, on Dask; dying workers cost a retry."""

from __future__ import annotations

import importlib.util

import pytest

from braincaption import engine
from braincaption.engine import Workers, run_jobs
from braincaption.errors import BrainError, UsageError


def test_one_worker_runs_here():
    assert list(run_jobs(abs, [-1, 2, -3], Workers(count=1))) == [1, 2, 3]


def test_processes_do_every_job_where_dask_is_missing(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "distributed" else real(name))
    assert sorted(run_jobs(abs, [-1, 2, -3], Workers(count=2))) == [1, 2, 3]


def test_a_killed_process_costs_a_retry(monkeypatch, tmp_path):
    module = tmp_path / "dying_jobs.py"
    module.write_text(
        "import os, signal\n"
        "def once(path):\n"
        "    if path and not os.path.exists(path):\n"
        "        open(path, 'w').close()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return path\n"
        "def always(path):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    import dying_jobs

    jobs = [str(tmp_path / "mark"), "", ""]
    assert sorted(engine._in_processes(dying_jobs.once, jobs, 2)) == sorted(jobs)
    with pytest.raises(BrainError, match="worker processes died"):
        list(engine._in_processes(dying_jobs.always, ["x"], 1))


def test_local_dask_workers_do_every_job():
    pytest.importorskip("distributed")
    assert sorted(run_jobs(abs, [-1, 2, -3, 4], Workers(count=2))) == [1, 2, 3, 4]


def test_a_scheduler_that_does_not_answer_is_named():
    pytest.importorskip("distributed")
    with pytest.raises(UsageError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        list(run_jobs(abs, [1], Workers(scheduler="tcp://127.0.0.1:9")))


def test_a_running_scheduler_is_used():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp://"
    ) as cluster:
        found = run_jobs(abs, [-1, 2], Workers(scheduler=cluster.scheduler_address))
        assert sorted(found) == [1, 2]
