"""A number of phantom people in, their way through register, vote and expand on a reduced grid out, with memory used.

python benchmarks/atlas/phantom_scale.py --out SCRATCH --people 201 --record benchmarks/atlas/phantom_scale.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
from record import circumstances, write_record

from brainatlas.niftifile import write_nifti
from brainatlas.phantom import Grid, make_subject

GRID = Grid(shape=(48, 54, 48), zoom_mm=4.0, split=2)
CONTRASTS = ("T1w", "T2w", "FLAIR")
SEED = 7


def main() -> None:
    """Make the people, run the stages, record the figures."""
    arguments = _arguments()
    out: Path = arguments.out
    made = time.perf_counter()
    _make(out / "atlas", range(1, arguments.labelled + 1), labels=True)
    _make(out / "cohort", range(arguments.labelled + 1, arguments.people + 1), labels=False)
    figures: dict[str, Any] = {
        **circumstances(SEED),
        "scans": arguments.people,
        "labelled": arguments.labelled,
        "grid": f"{GRID.shape} at {GRID.zoom_mm} mm",
        "note": arguments.note,
        "making_s": round(time.perf_counter() - made, 1),
        "stages": {},
    }
    workers = ["--workers", str(arguments.workers)]
    for name, words in (
        ("register", [out / "atlas", out / "cohort", "--out", out / "out", *workers]),
        ("vote", [out / "out", "--method", arguments.method, *workers]),
        ("expand", [out / "out"]),
    ):
        figures["stages"][name] = _watched(["atlas", name, *map(str, words)], out)
        print(name, figures["stages"][name], flush=True)
    catalog = out / "out" / "catalog.parquet"
    figures["catalog_rows"] = pq.read_metadata(catalog).num_rows
    figures["catalog_mb"] = round(catalog.stat().st_size / 1e6, 2)
    figures["out_mb"] = round(_size(out / "out") / 1e6, 1)
    print(json.dumps(figures, indent=2))
    if arguments.record:
        write_record(arguments.record, figures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=201)
    parser.add_argument("--labelled", type=int, default=18)
    parser.add_argument("--method", default="majority")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--note", default="", help="what else ran on the machine")
    parser.add_argument("--record", type=Path)
    return parser.parse_args()


def _make(folder: Path, numbers: range, *, labels: bool) -> None:
    """Write stripped phantoms, one contrast a person as the paper's cohorts have."""
    description = {"Name": folder.name, "BIDSVersion": "1.10.0", "SkullStripped": True, "License": "CC0-1.0"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text(json.dumps(description), encoding="utf-8")
    for number in numbers:
        name = f"sub-{number:03d}"
        contrast = "T1w" if labels else CONTRASTS[number % 3]
        image = folder / name / "anat" / f"{name}_{contrast}.nii.gz"
        if image.exists():
            continue
        person = make_subject(number, seed=SEED, grid=GRID, contrasts=(contrast,))
        scan = np.where(person.mask > 0, np.maximum(person.scans[contrast].data, 1), 0)
        if labels:
            known = folder / "derivatives" / "labels" / name / "anat" / f"{name}_dseg.nii.gz"
            write_nifti(known, person.labels.astype(np.uint8), person.affine)
        write_nifti(image, scan.astype(np.int16), person.affine)


def _watched(words: list[str], out: Path) -> dict[str, float]:
    """Run one command; return wall time, largest memory of all its processes and largest temporary space."""
    with tempfile.TemporaryDirectory(prefix="scale-") as scratch:
        start = time.perf_counter()
        process = psutil.Popen([str(Path(sys.executable).with_name("brain")), *words], env=_environment(scratch))
        peak = {"memory_mb": 0.0, "temporary_mb": 0.0}
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process, [Path(scratch), out / "out" / ".work"], peak, ended))
        watcher.start()
        code = process.wait()
        ended.set()
        watcher.join()
        if code:
            raise subprocess.CalledProcessError(code, words)
        return {"wall_s": round(time.perf_counter() - start, 1), **{k: round(v, 1) for k, v in peak.items()}}


def _environment(scratch: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": scratch, "OMP_NUM_THREADS": "1", "NIPYPE_NO_ET": "1"}


def _watch(process: psutil.Process, folders: list[Path], peak: dict[str, float], ended: threading.Event) -> None:
    while not ended.wait(1.0):
        used = 0
        for member in [process, *_children(process)]:
            try:
                used += member.memory_info().rss
            except psutil.Error:
                continue
        peak["memory_mb"] = max(peak["memory_mb"], used / 1e6)
        peak["temporary_mb"] = max(peak["temporary_mb"], sum(_size(folder) for folder in folders) / 1e6)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _size(folder: Path) -> int:
    total = 0
    # Not rglob: it raises where a folder vanishes while it is read, and these come and go.
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(place, name).lstat().st_size
            except OSError:
                continue
    return total


if __name__ == "__main__":
    main()
