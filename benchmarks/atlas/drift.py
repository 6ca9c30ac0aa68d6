"""A labelled cohort in, what becomes of its labels when voted labels vote in their turn, round after round, out.

The people are dealt to three groups A, B, C. Manual labels of A label B; those voted labels label C; those label A, and
so on round the ring. Every round is scored against the manual labels of the group it labels, beside the control: the
manual labels of the group before it, voting directly. What lies between the two is the drift.

    python benchmarks/atlas/drift.py ATLAS --out SCRATCH --record benchmarks/atlas/drift.json
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from record import circumstances, write_record

from brainatlas.cohorts import Cohort, Selection
from brainatlas.cohorts.read import read_cohort
from brainatlas.engine import SEED
from brainatlas.fusion.run import vote
from brainatlas.niftifile import write_nifti
from brainatlas.record import read_records
from brainatlas.register.run import RegisterSettings, register_cohorts
from brainatlas.validation.overlap import agreement
from brainatlas.validation.run import IBSR
from brainatlas.validation.trial import Numbering
from brainatlas.workflow.run import RunSettings
from braincaption.nifti import load_labels

NUMBERING = Numbering(merge=True, renumber=((6, 8), (45, 47)), structures=IBSR)
VENTRICLE_HORNS = (5, 44)


def main() -> None:
    """Go round the ring with voted and with manual labels, record both."""
    arguments = _arguments()
    known = _merged(read_cohort(arguments.atlas, read_labels=True), arguments.out / "labels")
    people = sorted(known)
    groups = [people[n::3] for n in range(3)]
    figures: dict[str, Any] = {
        **circumstances(SEED),
        "method": arguments.method,
        "groups": groups,
        "note": arguments.note,
        "rounds": [],
    }
    labels = arguments.out / "labels"
    for number in range(1, arguments.rounds + 1):
        voters, targets = groups[(number - 1) % 3], groups[number % 3]
        voted = arguments.out / f"round-{number}"
        _label(arguments, voters, targets, labels, voted)
        manual = arguments.out / f"manual-{(number - 1) % 3}"
        if number > 1:
            _label(arguments, voters, targets, arguments.out / "labels", manual)
        else:
            manual = voted
        row = {
            "round": number,
            "voted_by": "manual" if number == 1 else f"labels of round {number - 1}",
            **_scored(voted, known, arguments.method),
            "control": _scored(manual, known, arguments.method),
        }
        figures["rounds"].append(row)
        print(row, flush=True)
        labels = Path(f"{voted}/**/*_desc-{arguments.method}_dseg.nii.gz")
    if arguments.record:
        write_record(arguments.record, figures)


def _merged(atlas: Cohort, folder: Path) -> dict[str, Path]:
    """Write every person's manual labels with merged parcels; return them by participant label."""
    written = {}
    for scan in atlas.scans:
        if scan.labels is None:
            continue
        path = folder / f"sub-{scan.subject}" / "anat" / f"sub-{scan.subject}_dseg.nii.gz"
        if not path.exists():
            true = load_labels(scan.labels)
            merged = NUMBERING.apply(np.asarray(true.data, dtype=np.uint16))
            write_nifti(path, merged, true.affine)
        written[scan.subject] = path
    return written


def _label(arguments: argparse.Namespace, voters: list[str], targets: list[str], labels: Path, out: Path) -> None:
    """Register both groups to the template and let `voters` label `targets`; what is done is kept."""
    run = RunSettings(workers=arguments.workers)
    atlas = read_cohort(arguments.atlas, selection=Selection(participants=tuple(voters)), labels=labels)
    cohort = read_cohort(arguments.atlas, selection=Selection(participants=tuple(targets)))
    settings = RegisterSettings(transform=arguments.transform)
    register_cohorts(atlas, [cohort], out, settings=settings, run=run)
    vote(out, arguments.method, run=run)


def _scored(out: Path, known: dict[str, Path], method: str) -> dict[str, float]:
    """Return mean Dice (inferior lateral ventricles apart) and the mean ratio of voted to manual volume."""
    dice: list[float] = []
    ratios: list[float] = []
    for record in read_records(out):
        if record.labelled:
            continue
        found = load_labels(record.place.labels(method))
        true = load_labels(known[record.place.stem.split("_")[0].removeprefix("sub-")])
        wanted = tuple(n for n in IBSR if np.any(np.asarray(true.data) == n))
        for row in agreement(np.asarray(found.data), np.asarray(true.data), true.affine, structures=wanted):
            if row.label in VENTRICLE_HORNS:
                continue
            dice.append(row.dice)
            ratios.append(1 + (row.volume_error or 0.0))
    return {"dice": round(float(np.mean(dice)), 4), "volume_ratio": round(float(np.mean(ratios)), 4)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("atlas", type=Path, help="labelled cohort")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=6, help="six go round the ring twice")
    parser.add_argument("--method", default="jlf")
    parser.add_argument("--transform", default="affine")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--note", default="", help="what else ran on the machine")
    parser.add_argument("--record", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
