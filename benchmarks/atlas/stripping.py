"""Whole heads in, how well deepbet finds their brains out: Dice against masks from labels, volumes across contrasts.

IXI's MUSE labels, closed and filled, serve as the mask; the contrasts of one patient show one brain.

    python benchmarks/atlas/stripping.py IXI MS-RAW --out SCRATCH --record benchmarks/atlas/stripping.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from record import circumstances, write_record
from scipy.ndimage import binary_closing, binary_fill_holes

from brainatlas.cohorts.read import read_cohort
from brainatlas.engine import SEED
from brainatlas.strip import StripSettings, strip_scan

WANTED_DICE, WANTED_SPREAD = 0.975, 0.05


def main() -> None:
    """Strip, compare, record."""
    arguments = _arguments()
    settings = StripSettings(method=arguments.method)
    figures: dict[str, Any] = {**circumstances(SEED), "method": arguments.method, "note": arguments.note}
    figures["dice"] = _against_labels(arguments.labelled, arguments.out, settings)
    figures["volumes_ml"] = _across_contrasts(arguments.contrasts, arguments.out, settings)
    mean = float(np.mean([row["dice"] for row in figures["dice"].values()]))
    spread = max(row["largest_difference"] for row in figures["volumes_ml"].values())
    figures["mean_dice"], figures["largest_difference"] = round(mean, 4), spread
    figures["met"] = {"mean Dice": mean >= WANTED_DICE, "volumes": spread <= WANTED_SPREAD}
    print(json.dumps(figures, indent=2))
    if arguments.record:
        write_record(arguments.record, figures)


def _against_labels(cohort: Path, out: Path, settings: StripSettings) -> dict[str, dict[str, float]]:
    rows = {}
    for scan in read_cohort(cohort, read_labels=True).scans:
        assert scan.labels is not None
        inside = np.asarray(nib.load(scan.labels).dataobj) > 0
        wanted = binary_fill_holes(binary_closing(inside, iterations=2))
        start = time.perf_counter()
        record = strip_scan(scan, out, settings)
        seconds = time.perf_counter() - start
        found = np.asarray(nib.load(record.place.mask).dataobj) > 0
        dice = 2 * int((found & wanted).sum()) / int(found.sum() + wanted.sum())
        rows[scan.scan_id] = {"dice": round(dice, 4), "seconds": round(seconds, 1)}
        print(scan.scan_id, rows[scan.scan_id], flush=True)
    return rows


def _across_contrasts(cohort: Path, out: Path, settings: StripSettings) -> dict[str, dict[str, float]]:
    people: dict[str, dict[str, float]] = defaultdict(dict)
    for scan in read_cohort(cohort).scans:
        people[scan.person][scan.suffix] = round(strip_scan(scan, out, settings).volume_ml, 1)
        print(scan.scan_id, people[scan.person][scan.suffix], "ml", flush=True)
    return {
        person: {**volumes, "largest_difference": round(max(volumes.values()) / min(volumes.values()) - 1, 4)}
        for person, volumes in people.items()
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labelled", type=Path, help="whole heads with label maps")
    parser.add_argument("contrasts", type=Path, help="whole heads, several contrasts a person")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--method", default="deepbet")
    parser.add_argument("--note", default="", help="what else ran on the machine")
    parser.add_argument("--record", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
