"""A labelled cohort in, the leave-one-out table of fusers, schemes and transforms (JSON, Markdown, SVG) out.

Cortical parcels are merged into 3 and 42, cerebellar cortex 6/45 is called 8/47 as in IBSR's set, and the structures
of that set which occur are scored. What is done is kept: killed, or asked for more, the same command goes on.

    python benchmarks/atlas/leave_one_out.py ATLAS --out SCRATCH --whole --record benchmarks/atlas/leave_one_out

`--whole` is the published table: affine, both schemes and every fuser over everyone; SyN at 4, 2 and 1 mm and ANTs' own
joint fusion, with the search of ours, over the three people named in `FEW`, which were chosen before anything was run
(`--method ants-jlf` has ANTs' own search of ± 3, for those who can wait). `--kept` runs nothing.
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

FEW = ("trt03", "trt06", "trt09")
WARPS = ("syn-4mm", "syn", "syn-1mm")


def main() -> None:
    """Validate and record."""
    arguments = _arguments()
    cohort = read_cohort(
        arguments.atlas, selection=Selection(participants=tuple(arguments.people or ())), read_labels=True
    )
    if not arguments.kept:
        for schemes, transforms, methods, held_out in _asked(arguments):
            settings = ValidationSettings(
                folds=None,
                schemes=schemes,
                transforms=transforms,
                methods=methods,
                numbering=Numbering(merge=True, renumber=((6, 8), (45, 47)), structures=IBSR),
                held_out=held_out,
                workers=arguments.workers,
            )
            validate(cohort, arguments.out, settings)
    outcomes = [read_outcome(path) for path in sorted((arguments.out / "trials").rglob("*.json"))]
    summaries = summarise(outcomes)
    for row in summaries:
        print(f"{row.transform} {row.scheme} {row.method}: {row.dice:.3f} over {row.scans}, {row.seconds:.1f} s")
    if arguments.record:
        _record(arguments, cohort.name, summaries, outcomes)


Words = tuple[str, ...]


def _asked(arguments: argparse.Namespace) -> list[tuple[Words, Words, Words, Words]]:
    """Return schemes, transforms, fusers and people held out, each combination once."""
    if arguments.whole:
        return [
            (("template", "pairwise"), ("affine",), tuple(fuser_names()), ()),
            *((("template",), (warp,), ("majority", "weighted", "jlf"), FEW) for warp in WARPS),
            (("template",), ("affine",), ("ants-jlf-search1",), FEW),
        ]
    return [
        (
            tuple(arguments.scheme or ("template",)),
            tuple(arguments.transform or ("affine",)),
            tuple(arguments.method or fuser_names()),
            tuple(arguments.held_out or ()),
        )
    ]


def _targets(summaries: list[Summary], few: list[Summary]) -> dict[str, dict[str, object]]:
    """Return what was wanted, what came out, and whether that is enough; only of what was run over everyone."""
    known = {(row.transform, row.scheme, row.method): row.dice or 0.0 for row in summaries}
    majority = known.get(("affine", "template", "majority"), 0.0)
    warped = [row.dice or 0.0 for row in few if row.transform != "affine"]
    found = {
        "composed majority - pairwise majority, within 0.005": majority
        - known.get(("affine", "pairwise", "majority"), 1.0),
        "weighted - majority, at least 0.05": known.get(("affine", "template", "weighted"), 0.0) - majority,
        "default (jlf) - majority, at least 0.09": known.get(("affine", "template", "jlf"), 0.0) - majority,
        "default (jlf), at least 0.75": known.get(("affine", "template", "jlf"), 0.0),
        "best deformable entry, at least 0.80": max(warped, default=0.0),
    }
    least = (-0.005, 0.05, 0.09, 0.75, 0.80)
    return {
        name: {"value": round(value, 4), "met": value >= bound and (bound > 0 or value <= -bound)}
        for (name, value), bound in zip(found.items(), least, strict=True)
    }


def _record(arguments: argparse.Namespace, cohort: str, summaries: list[Summary], outcomes: list[Outcome]) -> None:
    """Write everything that was ever tried in ``--out``, this run's and earlier ones'."""
    said = circumstances(SEED)
    few = summarise([one for one in outcomes if any(f"sub-{person}_" in one.scan_id for person in FEW)])
    targets = _targets(summaries, few)
    figures = {
        **said,
        "cohort": cohort,
        "note": arguments.note,
        "targets": targets,
        "summaries": [asdict(row) for row in summaries],
        "few": {"people": FEW, "summaries": [asdict(row) for row in few]},
    }
    write_record(arguments.record.with_suffix(".json"), figures)
    names = {label: structure.name for label, structure in load_lut("freesurfer").structures.items()}
    text = (
        f"# Leave one out, {cohort}\n\n`{said['command']}`, seed {SEED}, {said['machine']}, {said['date']}. "
        f"{arguments.note}\n\n{_told(targets)}\n{as_markdown(summaries, outcomes, names)}\n"
        f"## The same for {', '.join(FEW)} alone\n\nAll rows over the same three people, named beforehand.\n\n"
        f"{as_markdown(few, [], names).partition('Mean Dice of every structure')[0].rstrip()}\n"
    )
    arguments.record.with_suffix(".md").write_text(text, encoding="utf-8")
    arguments.record.with_suffix(".tsv").write_text(as_tsv(outcomes, names), encoding="utf-8")
    draw(summaries, outcomes, arguments.record.with_suffix(".svg"))


def _told(targets: dict[str, dict[str, object]]) -> str:
    rows = [f"| {name} | {row['value']} | {'met' if row['met'] else '**missed**'} |" for name, row in targets.items()]
    return "\n".join(["| target | figure | |", "|---|---|---|", *rows, ""])


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
    parser.add_argument("--whole", action="store_true", help="the published table")
    parser.add_argument("--kept", action="store_true", help="run nothing: tables of what is kept in --out")
    parser.add_argument("--record", type=Path, help="path without suffix")
    return parser.parse_args()


if __name__ == "__main__":
    main()
