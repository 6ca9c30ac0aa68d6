"""Atlas people and one person's aligned T1w, T2w and FLAIR in, how far the three registrations differ out.

Each atlas person is registered to each contrast apart; since the contrasts lie on each other, the three transforms
should be one. Their largest disagreement is taken at every voxel of the brain.

    python benchmarks/atlas/contrasts.py OASIS-TRT MS-MNI --out SCRATCH --record benchmarks/atlas/contrasts.json
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from record import circumstances, write_record

from brainatlas.cohorts import Selection
from brainatlas.cohorts.read import read_cohort
from brainatlas.engine import SEED
from brainatlas.register import align, prepare, read_brain
from brainatlas.register.affine import DEFAULTS
from brainatlas.strip import StripSettings, strip_scan
from braincaption.nifti import load_image, load_labels

WANTED_MEDIAN_MM, WANTED_WORST_MM = 1.0, 2.0


def main() -> None:
    """Register, compare, record."""
    arguments = _arguments()
    people = read_cohort(arguments.atlas, selection=Selection(participants=tuple(arguments.people))).scans
    contrasts = {scan.suffix: scan for scan in read_cohort(arguments.contrasts).scans}
    records = {suffix: strip_scan(scan, arguments.out, StripSettings()) for suffix, scan in contrasts.items()}
    fixed = {}
    for suffix, record in records.items():
        image, mask = load_image(record.place.brain), load_labels(record.place.mask)
        fixed[suffix] = prepare(image.data, image.affine, mask.data.astype(bool))
    inside = load_labels(records["T1w"].place.mask)
    points = np.argwhere(inside.data > 0)[::50] @ inside.affine[:3, :3].T + inside.affine[:3, 3]
    rows: dict[str, dict[str, float]] = {}
    for scan in people:
        moving = read_brain(strip_scan(scan, arguments.out, StripSettings()).place, DEFAULTS)
        maps = {suffix: align(brain, moving) for suffix, brain in fixed.items()}
        rows[scan.scan_id] = _differences(points, maps)
        print(scan.scan_id, rows[scan.scan_id], flush=True)
    medians = [row["median_mm"] for row in rows.values()]
    figures: dict[str, Any] = {
        **circumstances(SEED),
        "note": arguments.note,
        "people": rows,
        "median_of_medians_mm": round(float(np.median(medians)), 3),
        "worst_median_mm": max(medians),
    }
    figures["met"] = {
        "median": figures["median_of_medians_mm"] <= WANTED_MEDIAN_MM,
        "worst": figures["worst_median_mm"] <= WANTED_WORST_MM,
    }
    print(json.dumps(figures, indent=2))
    if arguments.record:
        write_record(arguments.record, figures)


def _differences(points: np.ndarray, maps: dict[str, np.ndarray]) -> dict[str, float]:
    seen = {suffix: points @ matrix[:3, :3].T + matrix[:3, 3] for suffix, matrix in maps.items()}
    apart = {
        f"{one}-{other}": np.linalg.norm(seen[one] - seen[other], axis=1)
        for one, other in combinations(sorted(seen), 2)
    }
    largest = np.max(list(apart.values()), axis=0)
    return {
        "median_mm": round(float(np.median(largest)), 3),
        "p95_mm": round(float(np.percentile(largest, 95)), 3),
        **{f"{pair}_median_mm": round(float(np.median(values)), 3) for pair, values in apart.items()},
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("atlas", type=Path, help="labelled cohort of T1w")
    parser.add_argument("contrasts", type=Path, help="one person, aligned T1w, T2w and FLAIR")
    parser.add_argument("--people", nargs="*", default=[f"trt{n:02d}" for n in range(1, 7)])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--note", default="", help="what else ran on the machine")
    parser.add_argument("--record", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
