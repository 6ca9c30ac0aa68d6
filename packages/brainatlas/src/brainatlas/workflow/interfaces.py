"""Batches of jobs in, the ids that are done and those that failed out: this package's stages as nipype interfaces.

A node holds a batch, since nipype does not scale to a node a pair. A broken scan is an output of its node
(``failures``), not a crash: the other scans of the batch, and of the graph, go on.
"""

from __future__ import annotations

from typing import Any

from brainatlas.workflow.quiet import load_nipype
from braincaption.errors import ScanError

load_nipype()

from nipype.interfaces.base import (  # noqa: E402  (nipype must be imported with its telemetry off)
    BaseInterfaceInputSpec,
    SimpleInterface,
    TraitedSpec,
    traits,
)


class BatchInputSpec(BaseInterfaceInputSpec):
    """Inputs of every batch."""

    jobs = traits.List(traits.Any, mandatory=True, desc="jobs, each with an `identifier` and picklable")
    skip = traits.List(traits.Str, desc="identifiers that failed in the stage before")


class BatchOutputSpec(TraitedSpec):
    """Outputs of every batch."""

    done = traits.List(traits.Str, desc="identifiers of the jobs that were done")
    failures = traits.List(traits.Tuple(traits.Str, traits.Str), desc="identifier and message of those that failed")
    failed = traits.List(traits.Str, desc="identifiers of those that failed, here or in the stage before")


class Batch(SimpleInterface):
    """Do one job after another; subclasses say what a job is."""

    input_spec = BatchInputSpec
    output_spec = BatchOutputSpec

    def work(self, job: Any) -> None:
        """Do one job, or raise `ScanError`."""
        raise NotImplementedError

    def _run_interface(self, runtime: Any) -> Any:
        skipped = list(self.inputs.skip or [])
        done, failures = [], []
        for job in self.inputs.jobs:
            if job.identifier in skipped:
                continue
            try:
                self.work(job)
                done.append(job.identifier)
            except ScanError as error:
                failures.append((job.identifier, str(error)))
        self._results["done"] = done
        self._results["failures"] = failures
        self._results["failed"] = skipped + [identifier for identifier, _ in failures]
        return runtime


class StripScans(Batch):
    """Strip a batch of scans and, for an atlas, carry its manual labels into OUT."""

    def work(self, job: Any) -> None:
        """Strip one scan."""
        from brainatlas.strip.job import do_strip

        do_strip(job)


class RegisterScans(Batch):
    """Register a batch of stripped scans with ANTsPy, to the template or to other scans."""

    def work(self, job: Any) -> None:
        """Register one scan."""
        from brainatlas.register.job import do_register

        do_register(job)


class FuseLabels(Batch):
    """Vote a batch of scans' labels."""

    def work(self, job: Any) -> None:
        """Vote one scan."""
        from brainatlas.fusion.job import do_vote

        do_vote(job)
