"""An atlas in, how well it labels its own people out: registered once, fused many times, compared with the truth."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from brainatlas.cohorts import Cohort
from brainatlas.fusion.methods import load_fuser
from brainatlas.labelfile import read_names
from brainatlas.record import Record, read_records, write_json
from brainatlas.register.run import RegisterSettings, register_cohorts
from brainatlas.register.syn import syn_settings
from brainatlas.settings import SCHEMES
from brainatlas.validation.folds import make_folds, voters_of
from brainatlas.validation.plot import draw
from brainatlas.validation.table import Summary, as_markdown, as_tsv, summarise
from brainatlas.validation.trial import Numbering, Outcome, Trial, read_outcome, run_trial
from brainatlas.workflow.run import RunSettings, processors
from braincaption.atomic import atomic_path, remove_leftovers
from braincaption.errors import BrainError, PartialFailure, UsageError
from braincaption.failures import FailureLog
from braincaption.progress import track

STAGE = "validate"
# IBSR's set, which FreeSurfer-numbered atlases are compared on.
IBSR = (
    2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 24, 26, 28,
    41, 42, 43, 44, 46, 47, 49, 50, 51, 52, 53, 54, 58, 60,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ValidationSettings:
    """What is compared.

    Attributes
    ----------
    folds : int or None
        None leaves one person out at a time.
    schemes, transforms, methods : tuple of str
        Every combination is tried.
    numbering : Numbering
    held_out : tuple of str
        Participant labels of those to be labelled, for what is too slow for all; empty: everyone in turn.
    workers : int
        Processes; 0 takes one a processor.
    """

    folds: int | None
    schemes: tuple[str, ...]
    transforms: tuple[str, ...]
    methods: tuple[str, ...]
    numbering: Numbering
    held_out: tuple[str, ...]
    workers: int


def validate(atlas: Cohort, out: Path, settings: ValidationSettings) -> list[Summary]:
    """Hold out every labelled person of `atlas`, label them by the others, and write tables and plot to `out`.

    ``validation.tsv`` (a row a structure and scan), ``validation.json``, ``validation.md`` and ``validation.svg``;
    ``trials/`` and ``work/`` keep what is done, so that another fuser or fold costs only itself.

    Raises
    ------
    UsageError
        Unknown scheme, transform or fuser, or too few people; nothing is written.
    PartialFailure
        Some scans were broken; the tables are of the others.
    """
    labelled = [scan for scan in atlas.scans if scan.labels is not None]
    _check(settings, len({scan.person for scan in labelled}))
    strangers = _subjects(settings.held_out) - {f"sub-{scan.subject}" for scan in labelled}
    if strangers:
        raise UsageError(f"{', '.join(sorted(strangers))} is no labelled participant of {atlas.root}: check the label")
    out = out.absolute()
    log = FailureLog(out, STAGE)
    outcomes: list[Outcome] = []
    names: dict[int, str] = {}
    for transform in settings.transforms:
        for scheme in settings.schemes:
            work = out / "work" / f"{transform}-{scheme}"
            records = _registered(atlas, work, scheme, transform, settings.workers, log)
            names = {**_names(records), **names}
            outcomes += _run(_trials(records, out, scheme, transform, settings), settings.workers, log)
    outcomes.sort(key=lambda o: (o.transform, o.scheme, o.method, o.scan_id))
    if not outcomes:
        log.close()
        raise BrainError(f"nothing could be validated in {out}: look at logs/failed.tsv")
    summaries = summarise(outcomes)
    _write(out, summaries, outcomes, names)
    log.close()
    return summaries


def _check(settings: ValidationSettings, people: int) -> None:
    for scheme in settings.schemes:
        if scheme not in SCHEMES:
            raise UsageError(f"--scheme {scheme} is not known: choose among {', '.join(SCHEMES)}")
    for transform in settings.transforms:
        syn_settings(transform)
    for method in settings.methods:
        load_fuser(method)
    if people < 2:
        raise UsageError(f"the atlas has {people} labelled people, validation wants 2 or more")
    if settings.folds is not None and not 2 <= settings.folds <= people:
        raise UsageError(f"--folds {settings.folds} cannot be dealt to {people} people: give 2 to {people}")


def _registered(atlas: Cohort, work: Path, scheme: str, transform: str, workers: int, log: FailureLog) -> list[Record]:
    try:
        register_cohorts(
            atlas,
            [],
            work,
            settings=RegisterSettings(scheme=scheme, transform=transform),
            run=RunSettings(workers=workers),
        )
    except PartialFailure:
        known = {row[0] for row in log.rows}
        from braincaption.failures import read_failures

        for _, identifier, message in read_failures(work):
            if identifier not in known:
                log.add(identifier, message)
    failed = {identifier for identifier, _ in log.rows}
    return [record for record in read_records(work) if record.labelled and record.scan_id not in failed]


def _trials(
    records: Sequence[Record], out: Path, scheme: str, transform: str, settings: ValidationSettings
) -> list[Trial]:
    folds = make_folds(records, settings.folds)
    named = f"{len(folds)}-folds"
    return [
        Trial(
            target=record,
            voters=tuple(voters_of(record, records, folds)),
            scheme=scheme,
            transform=transform,
            method=method,
            numbering=settings.numbering,
            result=out / "trials" / named / f"{transform}-{scheme}-{method}" / f"{record.scan_id}.json",
        )
        for method in settings.methods
        for record in records
        if not settings.held_out or record.place.stem.split("_")[0] in _subjects(settings.held_out)
    ]


def _subjects(labels: Sequence[str]) -> set[str]:
    return {f"sub-{label.removeprefix('sub-')}" for label in labels}


def _run(trials: list[Trial], workers: int, log: FailureLog) -> list[Outcome]:
    for trial in trials[:1]:
        remove_leftovers(trial.result.parents[2])
    todo = [trial for trial in trials if not trial.done]
    # A fresh process a trial: its peak memory is its own, and libraries cannot hand state from one to the next.
    context = multiprocessing.get_context("spawn")
    if todo:
        with ProcessPoolExecutor(workers or processors(), mp_context=context, max_tasks_per_child=1) as pool:
            futures = [(trial, pool.submit(run_trial, trial)) for trial in todo]
            for trial, future in track(futures, "validate", len(futures)):
                error = future.exception()
                if error is not None:
                    log.add(trial.target.scan_id, f"{trial.method}: {error}")
    return [read_outcome(trial.result) for trial in trials if trial.done]


def _names(records: Sequence[Record]) -> dict[int, str]:
    from braincaption.lut import load_lut

    names = {label: structure.name for label, structure in load_lut("freesurfer").structures.items()}
    for record in records:
        own = read_names(record.place.label_names(record.own))
        names.update({label: name for label, name in own.items() if name != f"label-{label}"})
    return names


def _write(out: Path, summaries: list[Summary], outcomes: list[Outcome], names: dict[int, str]) -> None:
    for name, text in (
        ("validation.tsv", as_tsv(outcomes, names)),
        ("validation.md", as_markdown(summaries, outcomes, names)),
    ):
        with atomic_path(out / name) as aside:
            aside.write_text(text, encoding="utf-8")
    write_json(out / "validation.json", {"summaries": [asdict(row) for row in summaries]})
    draw(summaries, outcomes, out / "validation.svg")
