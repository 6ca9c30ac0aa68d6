"""Phantom people in, proof out that TUMSyn makes the contrast, the echo time and the voxel size asked for.

    python benchmarks/zoo/accept_tumsyn.py [--work FOLDER] [--config tiny] [--out tumsyn.json]

The system is trained by `brain ldm train tumsyn … --config tiny` on the people of split train; everything scored is of
people of split test. Killed, the same command with the same --work goes on.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from tumsyn_cohort import FULL, phantom_cohort
from tumsyn_people import KeptMaker
from tumsyn_sheet import save_sheet
from tumsyn_tasks import ablation, contrasts, degraded, echo_times, finer, fluid_volumes, retrieval, unseen_protocol

SEED = 0


def main() -> None:
    """Train, make volumes, score them and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("tumsyn.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        cohort = phantom_cohort(work / "cohort", FULL)
        cost = {name: trained(work, cohort, name, given.config) for name in ("built-in", "one-hot")}
        begun = time.monotonic()
        found = measured(work, cohort)
        cost["scoring"] = {"wall seconds": round(time.monotonic() - begun)}
    record = {
        "command": f"python benchmarks/zoo/accept_tumsyn.py --config {given.config}",
        "machine": f"{os.cpu_count()} cores, CPU only, shared with other work",
        "date": datetime.date.today().isoformat(),
        "seed": SEED,
        "cost": cost,
        "people": {"trained on": FULL.fine + FULL.native, "scored": FULL.test},
        **found,
    }
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


def trained(work: Path, cohort: Path, text: str, config: str) -> dict[str, int]:
    """Train a model with one text encoder and return what it cost."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    brain = Path(sys.executable).with_name("brain")
    words = ("ldm", "train", "tumsyn", cohort, "--out", work / text, "--config", config, "--text", text, "--seed", SEED)
    subprocess.run([str(brain), *map(str, words)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall seconds": round(time.monotonic() - begun), "CPU seconds": round(cpu)}


def measured(work: Path, cohort: Path) -> dict[str, Any]:
    """Return what the finished models are worth."""
    maker, bare = (KeptMaker(work / text, work / "made") for text in ("built-in", "one-hot"))
    rng = np.random.default_rng(SEED)
    save_sheet(work / "sheet.png", maker, cohort)
    return {
        "contrasts": contrasts(maker, cohort, rng),
        "echo times": echo_times(maker, cohort),
        "1.5 times finer grid": finer(maker, cohort, rng),
        "retrieval": retrieval(work / "built-in", cohort, rng),
        "degraded inputs": degraded(maker, cohort),
        "a protocol never trained on": unseen_protocol(maker, cohort, rng),
        "text": ablation({"built-in": maker, "one-hot": bare}, cohort, rng),
        "volume of fluid": fluid_volumes(maker, cohort),
    }


if __name__ == "__main__":
    main()
