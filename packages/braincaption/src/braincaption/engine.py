"""Jobs and the function that does one in, their results in order out: here, in local processes, or on a Dask cluster.

A worker that dies (killed, out of memory) costs its jobs another try, nothing else: a job writes its output aside and
renames it, so doing it twice is harmless.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, TypeVar

from braincaption.errors import BrainError, UsageError
from braincaption.extras import require

Job = TypeVar("Job")
Result = TypeVar("Result")
_TRIES = 4


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Where jobs run.

    Attributes
    ----------
    count : int
        Local processes; 0 for one per core.
    scheduler : str or None
        Address of a running Dask scheduler (``tcp://host:8786``); then `count` is not used.
    """

    count: int = 0
    scheduler: str | None = None

    def local(self, jobs: int) -> int:
        """Return how many local processes `jobs` jobs are worth."""
        return max(1, min(jobs, self.count or os.cpu_count() or 1))


def run_jobs(function: Callable[[Job], Result], jobs: Sequence[Job], workers: Workers) -> Iterator[Result]:
    """Yield the result of each job as it is done.

    Parameters
    ----------
    function : callable
        Importable by name from a worker process.
    jobs : sequence
    workers : Workers
        One local process means this one; more means Dask workers where Dask is installed, else plain processes.
    """
    if workers.scheduler is not None:
        yield from _on_dask(function, jobs, {"address": workers.scheduler, "timeout": "10s"})
    elif workers.local(len(jobs)) == 1:
        yield from map(function, jobs)
    elif importlib.util.find_spec("distributed") is not None:
        yield from _on_local_dask(function, jobs, workers.local(len(jobs)))
    else:
        yield from _in_processes(function, jobs, workers.local(len(jobs)))


def _on_local_dask(function: Callable[[Job], Result], jobs: Sequence[Job], count: int) -> Iterator[Result]:
    distributed = require("distributed", "dask")
    import logging

    logging.getLogger("distributed").setLevel(logging.ERROR)
    with distributed.LocalCluster(
        n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0, host="127.0.0.1"
    ) as cluster:
        yield from _on_dask(function, jobs, {"address": cluster})


def _on_dask(function: Callable[[Job], Result], jobs: Sequence[Job], where: dict[str, Any]) -> Iterator[Result]:
    distributed = require("distributed", "dask")
    try:
        client = distributed.Client(set_as_default=False, **where)
    except (OSError, TimeoutError) as error:
        raise UsageError(f"no Dask scheduler answers at {where['address']} ({error}): check --scheduler") from None
    with client:
        client.run(_single_threaded)
        futures = [client.submit(function, job, pure=False, retries=_TRIES) for job in jobs]
        for future in distributed.as_completed(futures, loop=client.loop):
            yield future.result()
            future.release()


def _single_threaded() -> None:
    # One job is one core's work: without this every worker would start a thread per core for compression.
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _in_processes(function: Callable[[Job], Result], jobs: Sequence[Job], count: int) -> Iterator[Result]:
    left = dict(enumerate(jobs))
    for _ in range(_TRIES):
        with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_single_threaded) as pool:
            futures = {pool.submit(function, job): number for number, job in left.items()}
            try:
                for future in as_completed(futures):
                    result = future.result()
                    del left[futures[future]]
                    yield result
            except BrokenProcessPool:
                continue
        return
    raise BrainError(f"worker processes died {_TRIES} times in a row: is there enough memory? try --workers 1")
