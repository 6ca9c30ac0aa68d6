"""A cohort in, all its scans stripped in OUT out; what is done already is kept."""

from __future__ import annotations

from pathlib import Path

from brainatlas.cohorts import Cohort
from brainatlas.datasetfolder import describe_cohorts
from brainatlas.record import read_records
from brainatlas.strip.job import StripJob, absolute
from brainatlas.strip.methods import DEFAULTS, StripSettings
from brainatlas.workflow.run import DEFAULT_RUN, RunSettings, run_stages
from braincaption.atomic import remove_leftovers
from braincaption.failures import FailureLog

STAGE = "strip"


def strip_cohort(
    cohort: Cohort, out: Path, *, settings: StripSettings = DEFAULTS, run: RunSettings = DEFAULT_RUN
) -> None:
    """Strip every scan of `cohort`.

    Raises
    ------
    PartialFailure
        Some scans were broken; the others are done.
    """
    from brainatlas.workflow.interfaces import StripScans

    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out / cohort.name)
    log = FailureLog(out, STAGE)
    for identifier, message in cohort.problems:
        log.add(identifier, message)
    jobs = [StripJob(scan=absolute(scan), out=out, settings=settings) for scan in cohort.scans]
    for _, identifier, message in run_stages([(STAGE, StripScans, [job for job in jobs if not job.done])], out, run):
        log.add(identifier, message)
    describe_cohorts(out, read_records(out))
    log.close({cohort.name})
