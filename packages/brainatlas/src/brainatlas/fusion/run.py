"""An OUT with registered scans in, labels for every scan that brought none out."""

from __future__ import annotations

from pathlib import Path

from brainatlas.fusion.candidates import choose_voters
from brainatlas.fusion.job import VoteJob
from brainatlas.fusion.methods import comparison_names, fuser_names, load_fuser
from brainatlas.order import rank
from brainatlas.record import Record, read_records
from brainatlas.register.job import TEMPLATE
from brainatlas.register.syn import AFFINE
from brainatlas.settings import read_settings
from brainatlas.workflow.run import DEFAULT_RUN, RunSettings, run_stages
from braincaption.atomic import remove_leftovers
from braincaption.errors import UsageError
from braincaption.failures import FailureLog

STAGE = "vote"


def vote(out: Path, method: str, run: RunSettings = DEFAULT_RUN) -> None:
    """Label every registered scan of `out` that is not of the atlas, by `method`.

    Raises
    ------
    UsageError
        Nothing is registered there, no scan of the atlas is, or there is no such method.
    PartialFailure
        Some scans could not be labelled; the others are.
    """
    if method in comparison_names():
        raise UsageError(f"--method {method} is for brain atlas validate: choose one of {', '.join(fuser_names())}")
    load_fuser(method)
    out = out.absolute()
    settings = read_settings(out)
    records = sorted(read_records(out), key=rank(out))
    atlas = [record for record in records if record.labelled and _registered(record, settings.scheme, records)]
    targets = [record for record in records if not record.labelled]
    if not atlas:
        raise UsageError(f"{out} holds no registered atlas scan to vote: run brain atlas register again")
    for cohort in sorted({record.place.cohort for record in targets}):
        remove_leftovers(out / cohort)
    log = FailureLog(out, STAGE)
    jobs = []
    for target in targets:
        if _registered(target, settings.scheme, records):
            jobs.append(
                VoteJob(
                    target=target,
                    voters=tuple(choose_voters(target, atlas)),
                    method=method,
                    scheme=settings.scheme,
                    deformable=settings.transform != AFFINE,
                )
            )
        else:
            log.add(target.scan_id, "it is not registered: run brain atlas register again, then vote again")
    from brainatlas.workflow.interfaces import FuseLabels

    for _, identifier, message in run_stages([("vote", FuseLabels, [job for job in jobs if not job.done])], out, run):
        log.add(identifier, message)
    log.close()


def _registered(record: Record, scheme: str, records: list[Record]) -> bool:
    if scheme == "template":
        return record.place.transform(TEMPLATE).exists()
    others = [other for other in records if other.scan_id != record.scan_id]
    return not others or any(
        record.place.transform(other.scan_id).exists() or other.place.transform(record.scan_id).exists()
        for other in others
    )
