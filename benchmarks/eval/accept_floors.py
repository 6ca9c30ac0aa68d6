"""Phantom people (and real scans, if given) in, distances between people of one kind as a function of their number out.

    python benchmarks/eval/accept_floors.py [--first FOLDER --second FOLDER] [--real FOLDER] [--out floors.json]

The two phantom folders hold different people, 200 each by default: their true distance is zero. Printed are the plain
Fréchet distance, its extrapolation with its interval, the kernel distance, and for real people both floors.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import tempfile
from pathlib import Path

import numpy as np
from in_memory import phantom_folder

from braineval.extrapolate import Features, Units, extrapolated, jackknife_interval
from braineval.features import extract, load_once
from braineval.floor import real_floor
from braineval.frechet import feature_distance
from braineval.kernel import cubic, discrepancy
from braineval.slices import Slices, open_slices

PEOPLE = (10, 20, 50, 100, 150, 200)


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=Path)
    parser.add_argument("--second", type=Path)
    parser.add_argument("--real", type=Path, help="slice folder of real people")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("floors.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folders = [
            folder or phantom_folder(Path(work) / str(seed), people=200, seed=seed)
            for folder, seed in ((given.first, 5001), (given.second, 5002))
        ]
        sides = [open_slices(folder) for folder in folders]
        most = min(side.people for side in sides)
        features = [extract(load_once("built-in", None), side, 64) for side in sides]
        units = [side.units for side in sides]
        rows = [phantom_row(features, units, people) for people in PEOPLE if people <= most]
    record = {
        "command": f"python benchmarks/eval/accept_floors.py, {sides[0].people} and {sides[1].people} phantom people",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, CPU only",
        "date": datetime.date.today().isoformat(),
        "seed": 0,
        "phantom": rows,
        "real": real_rows(open_slices(given.real)) if given.real else [],
    }
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def phantom_row(everything: list[Features], owners: list[Units], people: int) -> dict[str, object]:
    """Return the distances between `people` of either side."""
    features = [one[own < people] for one, own in zip(everything, owners, strict=True)]
    units = (owners[0][owners[0] < people], owners[1][owners[1] < people])
    value = extrapolated(features[0], features[1], units, np.random.default_rng(0))
    low, high = jackknife_interval(value, features[0], features[1], units, seed=0)
    found = {
        "people_a_side": people,
        "slices": [len(side) for side in features],
        "frechet-built-in": round(feature_distance(features[0], features[1]), 4),
        "frechet-infinite-built-in": round(value, 4),
        "interval": [round(low, 4), round(high, 4)],
        "holds_zero": low <= 0 <= high,
        "kernel-built-in": round(float(discrepancy(features[0], features[1], cubic, (None, None), unbiased=True)), 6),
    }
    print(found, flush=True)
    return found


def real_rows(real: Slices) -> list[dict[str, object]]:
    """Return both floors of real people for several counts on the generated side."""
    features = extract(load_once("built-in", None), real, 64)
    rows: list[dict[str, object]] = []
    for n in (16, 64, 256, 1000):
        if n <= len(real) // 2:
            floor = real_floor(
                real.units, n, lambda a, b: feature_distance(features[a], features[b]), 5, np.random.default_rng(0)
            )
            rows.append({"real_people": real.people, "floor": floor.as_dict()})
            print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    main()
