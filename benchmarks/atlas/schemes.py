"""A labelled cohort in, both registration schemes timed in one run out, and what 201 scans would cost by them.

Same transform, same grid, same stripped scans. Every second person keeps their labels, the others are labelled by them:
strip, register, vote and expand are timed one by one, the registration stage apart from the whole flow.

    python benchmarks/atlas/schemes.py ATLAS --out SCRATCH --record benchmarks/atlas/schemes.json
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

from record import circumstances, write_record

from brainatlas.catalog.expand import expand
from brainatlas.cohorts import Selection
from brainatlas.cohorts.read import read_cohort
from brainatlas.engine import SEED
from brainatlas.fusion.run import vote
from brainatlas.register.run import RegisterSettings, register_cohorts
from brainatlas.strip.run import strip_cohort
from brainatlas.workflow.run import RunSettings

PAPER_SCANS = 201


def main() -> None:
    """Strip once, register twice, count and extrapolate."""
    arguments = _arguments()
    everyone = read_cohort(arguments.atlas)
    people = sorted({scan.subject for scan in everyone.scans})
    atlas = read_cohort(arguments.atlas, selection=Selection(participants=tuple(people[::2])), read_labels=True)
    cohort = read_cohort(arguments.atlas, selection=Selection(participants=tuple(people[1::2])))
    run = RunSettings(workers=arguments.workers)
    stripped = arguments.out / "stripped"
    shutil.rmtree(stripped, ignore_errors=True)
    start = time.perf_counter()
    strip_cohort(everyone, stripped, run=run)
    stripping = time.perf_counter() - start
    figures: dict[str, Any] = {
        **circumstances(SEED),
        "scans": len(everyone.scans),
        "labelled": len(atlas.scans),
        "method": arguments.method,
        "workers": arguments.workers,
        "note": arguments.note,
        "strip_s": round(stripping, 1),
        "schemes": {},
    }
    for scheme in ("template", "pairwise"):
        out = arguments.out / scheme
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(stripped, out)
        start = time.perf_counter()
        register_cohorts(atlas, [cohort], out, settings=RegisterSettings(scheme=scheme), run=run)
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        vote(out, arguments.method, run=run)
        voting = time.perf_counter() - start
        start = time.perf_counter()
        rows = expand(out)
        expanding = time.perf_counter() - start
        done = len(list(out.rglob("*_xfm.mat")))
        n = PAPER_SCANS
        would_be = n if scheme == "template" else n * (n - 1) // 2
        figures["schemes"][scheme] = {
            "registrations": done,
            "registration_stage_s": round(seconds, 1),
            "vote_s": round(voting, 1),
            "expand_s": round(expanding, 2),
            "catalog_rows": rows,
            "whole_s": round(stripping + seconds + voting + expanding, 1),
            "s_per_registration": round(seconds / done, 2),
            "registrations_for_201_scans": would_be,
            "hours_for_201_scans": round(would_be * seconds / done / 3600, 2),
        }
        print(scheme, figures["schemes"][scheme], flush=True)
    print(json.dumps(figures, indent=2))
    if arguments.record:
        write_record(arguments.record, figures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("atlas", type=Path, help="labelled cohort")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--method", default="jlf")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--note", default="", help="what else ran on the machine")
    parser.add_argument("--record", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
