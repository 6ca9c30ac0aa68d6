"""An atlas and cohorts in, every scan of theirs stripped and registered in OUT out; what is there already is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from brainatlas.cohorts import Cohort, Scan
from brainatlas.datasetfolder import describe_cohorts
from brainatlas.layout import place_of
from brainatlas.order import rank
from brainatlas.record import Record, read_records
from brainatlas.register.job import RegisterJob
from brainatlas.register.syn import AFFINE, syn_settings
from brainatlas.register.template import load_template
from brainatlas.settings import SCHEMES, OutSettings, merged, write_settings
from brainatlas.strip.job import StripJob, absolute
from brainatlas.strip.methods import DEFAULTS, StripSettings, load_stripper
from brainatlas.workflow.run import DEFAULT_RUN, RunSettings, check_plugin, run_stages
from braincaption.atomic import remove_leftovers
from braincaption.errors import UsageError
from braincaption.failures import FailureLog

STAGE = "register"


@dataclass(frozen=True, kw_only=True)
class RegisterSettings:
    """How scans are registered.

    Attributes
    ----------
    scheme : str
        ``template``: each scan once, to the template; pairs follow by composition. ``pairwise``: each pair.
    transform : str
        ``affine``, or ``syn`` (``syn-1mm``: at that resolution) for a warp on top, which only ``vote`` uses.
    template : Path or None
        None takes nilearn's ICBM152 T1w.
    """

    scheme: str = SCHEMES[0]
    transform: str = AFFINE
    template: Path | None = None


DEFAULT_REGISTER = RegisterSettings()


def register_cohorts(
    atlas: Cohort,
    cohorts: Sequence[Cohort],
    out: Path,
    *,
    settings: RegisterSettings = DEFAULT_REGISTER,
    strip: StripSettings = DEFAULTS,
    run: RunSettings = DEFAULT_RUN,
) -> None:
    """Strip and register every scan, and carry the atlas' labels into OUT.

    Raises
    ------
    UsageError
        The arguments do not fit each other or what stands in `out`; nothing has been written.
    PartialFailure
        Some scans were broken; the rest is done.
    """
    scans, labelled = choose_scans(atlas, cohorts)
    out_settings = _checked(atlas, cohorts, out, settings, strip, run)
    out = out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    write_settings(out, out_settings)
    for cohort in sorted({scan.cohort for scan in scans}):
        remove_leftovers(out / cohort)
    log = FailureLog(out, STAGE)
    for cohort_read in (atlas, *cohorts):
        for identifier, message in cohort_read.problems:
            log.add(identifier, message)
    for _, identifier, message in _work(scans, labelled, out, settings, strip, run, out_settings.numbering):
        log.add(identifier, message)
    describe_cohorts(out, read_records(out))
    log.close({cohort_read.name for cohort_read in (atlas, *cohorts)})


def choose_scans(atlas: Cohort, cohorts: Sequence[Cohort]) -> tuple[list[Scan], set[str]]:
    """Return all scans to work on, once each, and the ids of those that bring manual labels.

    A scan of the atlas that also belongs to a cohort is an atlas scan; atlas scans without labels are left out.
    """
    labelled = {scan.scan_id for scan in atlas.scans if scan.labels is not None}
    if not labelled:
        raise UsageError(
            f"the atlas {atlas.root} has no labelled scan: put label maps into {atlas.root}/derivatives/<name>/, or "
            "name their folder with --labels"
        )
    chosen: dict[str, Scan] = {scan.scan_id: scan for scan in atlas.scans if scan.scan_id in labelled}
    for cohort in cohorts:
        for scan in cohort.scans:
            known = chosen.setdefault(scan.scan_id, scan)
            if known.image.resolve() != scan.image.resolve():
                raise UsageError(
                    f"{known.image} and {scan.image} have the same scan id {scan.scan_id}: give the cohorts' folders "
                    "different names"
                )
    return list(chosen.values()), labelled


def _checked(
    atlas: Cohort,
    cohorts: Sequence[Cohort],
    out: Path,
    settings: RegisterSettings,
    strip: StripSettings,
    run: RunSettings,
) -> OutSettings:
    if settings.scheme not in SCHEMES:
        raise UsageError(f"--scheme {settings.scheme!r} came, wanted one of {', '.join(SCHEMES)}")
    syn_settings(settings.transform)
    check_plugin(run)
    load_stripper(strip.method)
    template = load_template(settings.template)
    names = list(dict.fromkeys([atlas.name, *(cohort.name for cohort in cohorts)]))
    return merged(
        out,
        OutSettings(
            scheme=settings.scheme,
            transform=settings.transform,
            template=template.name,
            template_sha256=template.sha256,
            numbering=atlas.numbering,
            cohorts=tuple(names),
            citations={read.name: read.citation for read in (atlas, *cohorts) if read.citation},
        ),
    )


def _work(
    scans: list[Scan],
    labelled: set[str],
    out: Path,
    settings: RegisterSettings,
    strip: StripSettings,
    run: RunSettings,
    numbering: str | None,
) -> list[tuple[str, str, str]]:
    from brainatlas.workflow.interfaces import RegisterScans, StripScans

    strips = [
        StripJob(
            scan=absolute(scan), out=out, settings=strip, with_labels=scan.scan_id in labelled, numbering=numbering
        )
        for scan in scans
    ]
    todo = [job for job in strips if not job.done]
    stripping = ("strip", StripScans, todo)
    if settings.scheme == "template":
        fresh = {job.identifier for job in todo}
        jobs = [_to_template(scan, out, settings) for scan in scans]
        wanted = [job for job in jobs if job.identifier in fresh or not job.done]
        return run_stages([stripping, ("register", RegisterScans, wanted)], out, run)
    failed = run_stages([stripping], out, run)
    pairs = _pair_jobs(out, settings)
    return failed + run_stages([("register", RegisterScans, [job for job in pairs if not job.done])], out, run)


def _to_template(scan: Scan, out: Path, settings: RegisterSettings) -> RegisterJob:
    return RegisterJob(place=place_of(out, scan), template=settings.template, syn=syn_settings(settings.transform))


def _pair_jobs(out: Path, settings: RegisterSettings) -> list[RegisterJob]:
    """One job a scan: all pairs with the scans before it, in the order atlas, cohorts, id."""
    ordered: list[Record] = sorted(read_records(out), key=rank(out))
    return [
        RegisterJob(
            place=record.place,
            template=settings.template,
            targets=tuple(earlier.place for earlier in ordered[:number]),
            syn=syn_settings(settings.transform),
        )
        for number, record in enumerate(ordered)
        if number
    ]
