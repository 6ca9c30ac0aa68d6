"""A labelled cohort in, the leave-one-out table of fusers, schemes and transforms (JSON, Markdown, SVG) out.

Cortical parcels are merged into 3 and 42, cerebellar cortex 6/45 is called 8/47 as in IBSR's set, and the structures
of that set which occur are scored. Registers once; a second run with other fusers adds to the first.

    python benchmarks/atlas/leave_one_out.py ATLAS --out SCRATCH --record benchmarks/atlas/leave_one_out
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from record import circumstances, write_record

from brainatlas.cohorts import Selection
from brainatlas.cohorts.read import read_cohort
from brainatlas.engine import SEED
from brainatlas.fusion.methods import fuser_names
from brainatlas.validation.plot import draw
from brainatlas.validation.run import IBSR, ValidationSettings, validate
from brainatlas.validation.table import Summary, as_markdown, as_tsv, summarise
from brainatlas.validation.trial import Numbering, Outcome, read_outcome
from braincaption.lut import load_lut


def main() -> None:
    """Validate and record."""
    arguments = _arguments()
    cohort = read_cohort(
        arguments.atlas, selection=Selection(participants=tuple(arguments.people or ())), read_labels=True
    )
    settings = ValidationSettings(
        folds=None,
        schemes=tuple(arguments.scheme or ("template",)),
        transforms=tuple(arguments.transform or ("affine",)),
        methods=tuple(arguments.method or fuser_names()),
        numbering=Numbering(merge=True, renumber=((6, 8), (45, 47)), structures=IBSR),
        held_out=tuple(arguments.held_out or ()),
        workers=arguments.workers,
    )
    if not arguments.kept:
        validate(cohort, arguments.out, settings)
    outcomes = [read_outcome(path) for path in sorted((arguments.out / "trials").rglob("*.json"))]
    summaries = summarise(outcomes)
    for row in summaries:
        print(f"{row.transform} {row.scheme} {row.method}: {row.dice:.3f} over {row.scans}, {row.seconds:.1f} s")
    if arguments.record:
        _record(arguments, cohort.name, summaries, outcomes)


def _record(arguments: argparse.Namespace, cohort: str, summaries: list[Summary], outcomes: list[Outcome]) -> None:
    """Write everything that was ever tried in ``--out``, this run's and earlier ones'."""
    said = circumstances(SEED)
    figures = {**said, "cohort": cohort, "note": arguments.note, "summaries": [asdict(row) for row in summaries]}
    write_record(arguments.record.with_suffix(".json"), figures)
    names = {label: structure.name for label, structure in load_lut("freesurfer").structures.items()}
    text = (
        f"# Leave one out, {cohort}\n\n`{said['command']}`, seed {SEED}, {said['machine']}, {said['date']}. "
        f"{arguments.note}\n\n{as_markdown(summaries, outcomes, names)}"
    )
    arguments.record.with_suffix(".md").write_text(text, encoding="utf-8")
    arguments.record.with_suffix(".tsv").write_text(as_tsv(outcomes, names), encoding="utf-8")
    draw(summaries, outcomes, arguments.record.with_suffix(".svg"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("atlas", type=Path, help="labelled cohort")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", nargs="*", help="participant labels; by default all")
    parser.add_argument("--held-out", nargs="*", help="participant labels to be labelled; by default all")
    parser.add_argument("--method", nargs="*")
    parser.add_argument("--scheme", nargs="*")
    parser.add_argument("--transform", nargs="*")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--note", default="", help="what else ran on the machine")
    parser.add_argument("--kept", action="store_true", help="run nothing: tables of what is kept in --out")
    parser.add_argument("--record", type=Path, help="path without suffix")
    return parser.parse_args()


if __name__ == "__main__":
    main()
