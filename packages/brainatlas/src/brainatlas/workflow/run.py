"""A list of jobs for one or two stages in, failures out: builds the nipype graph, runs it by a plugin, cleans up."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from brainatlas.layout import work_folder
from braincaption.errors import UsageError

PLUGINS = ("Linear", "MultiProc", "SLURM", "SLURMGraph", "SGE", "SGEGraph", "PBS", "PBSGraph", "LSF", "OAR", "Condor")
# nipype takes quadratic time in the number of nodes: beyond this many, scans share a node.
_MOST_NODES = 200
THREADS = "OMP_NUM_THREADS"  # read by torch where deepbet starts


class Job(Protocol):
    """What a node works on: picklable, named by the scan it is about."""

    @property
    def identifier(self) -> str:
        """Scan id."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How the work is spread.

    Attributes
    ----------
    plugin : str
        nipype's name; ``MultiProc`` on one machine, ``SLURM`` and others on a cluster.
    workers : int
        Processes of MultiProc; 0 takes one for every processor this process may use.
    plugin_args : dict
        Passed to the plugin as they are (``sbatch_args``, …).
    """

    plugin: str = "MultiProc"
    workers: int = 0
    plugin_args: dict[str, Any] = field(default_factory=dict, hash=False)


DEFAULT_RUN = RunSettings()


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_plugin(settings: RunSettings) -> None:
    """Refuse a plugin that nipype does not have."""
    if settings.plugin not in PLUGINS:
        raise UsageError(f"no plugin {settings.plugin!r}: choose one of {', '.join(PLUGINS)}")


def run_stages(
    stages: Sequence[tuple[str, type, Sequence[Job]]], out: Path, settings: RunSettings
) -> list[tuple[str, str, str]]:
    """Run stages one after another, scans side by side.

    Parameters
    ----------
    stages : sequence of (name, interface, jobs)
        A job of a later stage waits for the jobs of the same identifier before it, and is left out where they failed.
    out : Path
    settings : RunSettings

    Returns
    -------
    list of (stage, identifier, message)
        What failed, sorted.
    """
    check_plugin(settings)
    identifiers = sorted({job.identifier for _, _, jobs in stages for job in jobs})
    if not identifiers:
        return []
    from brainatlas.workflow.quiet import configure

    configure(out)
    work = work_folder(out)
    shutil.rmtree(work, ignore_errors=True)
    try:
        nodes = _build(stages, _batches(identifiers, settings), work)
        return sorted(_run(nodes, work, out, settings, sum(len(jobs) for _, _, jobs in stages)))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _batches(identifiers: list[str], settings: RunSettings) -> list[set[str]]:
    size = math.ceil(len(identifiers) / _MOST_NODES)
    return [set(identifiers[start : start + size]) for start in range(0, len(identifiers), size)]


def _build(stages: Sequence[tuple[str, type, Sequence[Job]]], batches: list[set[str]], work: Path) -> Any:
    from nipype.pipeline import engine

    workflow = engine.Workflow(name="brainatlas", base_dir=str(work))
    for number, batch in enumerate(batches):
        before = None
        for name, interface, jobs in stages:
            mine = [job for job in jobs if job.identifier in batch]
            if not mine:
                continue
            node = engine.Node(interface(), name=f"{name}_{number:04d}", n_procs=1)
            node.inputs.jobs = mine
            workflow.add_nodes([node])
            if before is not None:
                workflow.connect(before, "failed", node, "skip")
            before = node
    return workflow


def _run(workflow: Any, work: Path, out: Path, settings: RunSettings, total: int) -> list[tuple[str, str, str]]:
    jobs_of = {node.name: [job.identifier for job in node.inputs.jobs] for node in workflow._graph.nodes()}
    crash = ""
    with _progress(total, jobs_of) as advance:
        arguments = {**settings.plugin_args, "status_callback": advance}
        plugin = settings.plugin
        if plugin == "MultiProc":
            arguments.setdefault("n_procs", settings.workers or processors())
            arguments.setdefault("raise_insufficient", False)
            if arguments["n_procs"] == 1:
                plugin = "Linear"  # one worker needs no second process
        else:
            # nipype's cluster plugins name their jobs after the user, whom containers and cron jobs do not name.
            os.environ.setdefault("LOGNAME", "brainatlas")
        try:
            with _shared_processors(arguments["n_procs"] if plugin == "MultiProc" else 1):
                workflow.run(plugin=plugin, plugin_args=arguments)
        except RuntimeError as error:
            crash = str(error)
    return _collect(workflow, work, jobs_of, crash)


@contextmanager
def _shared_processors(workers: int) -> Iterator[None]:
    """Give every worker its share of the processors; threads that wait for each other take twice the time."""
    if workers == 1 or THREADS in os.environ:
        yield
        return
    os.environ[THREADS] = str(max(1, processors() // workers))
    try:
        yield
    finally:
        del os.environ[THREADS]


def _collect(workflow: Any, work: Path, jobs_of: dict[str, list[str]], crash: str) -> list[tuple[str, str, str]]:
    from nipype.pipeline.engine.utils import load_resultfile

    failed: list[tuple[str, str, str]] = []
    for name, identifiers in sorted(jobs_of.items()):
        stage = name.rsplit("_", 1)[0]
        result = work / workflow.name / name / f"result_{name}.pklz"
        outputs = load_resultfile(str(result)).outputs if result.exists() else None
        if outputs is None or not hasattr(outputs, "failures"):
            failed += [(stage, identifier, _crashed(crash)) for identifier in identifiers]
        else:
            failed += [(stage, identifier, message) for identifier, message in outputs.failures]
    return failed


def _crashed(crash: str) -> str:
    last = " ".join(crash.split())[:160] or "its process ended without a result"
    return f"the node crashed ({last}): read OUT/logs/crash-*, then run the same command again"


class _progress:
    """A progress bar on stderr fed by nipype's callback; silent when stderr is no terminal."""

    def __init__(self, total: int, jobs_of: dict[str, list[str]]) -> None:
        self._total, self._jobs_of = total, jobs_of
        self._bar: Any = None

    def __enter__(self) -> Any:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task("scans", total=self._total)
        return self._advance

    def _advance(self, node: Any, status: str) -> None:
        if self._bar is not None and status in ("end", "exception"):
            self._bar.advance(self._task, len(self._jobs_of.get(node.name, ())))

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
