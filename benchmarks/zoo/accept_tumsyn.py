"""Phantom people in, proof out that TUMSyn makes the contrast, the echo time and the voxel size asked for.

    python benchmarks/zoo/accept_tumsyn.py [--work FOLDER] [--config tiny] [--out tumsyn.json]

The system is trained by `brain ldm train tumsyn … --config tiny` on the people of split train; everything scored is of
people of split test. Killed, the same command with the same --work goes on; `cost` then holds what the last part cost.
With --only it answers some of the questions and keeps the answers in the folder: several may be worked on at once.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tumsyn_cohort import FULL, phantom_cohort
from tumsyn_people import MOST_PEOPLE, KeptMaker
from tumsyn_sheet import save_sheet
from tumsyn_tasks import ablation, contrasts, degraded, echo_times, finer, fluid_volumes, retrieval, unseen_protocol

from braincaption.atomic import atomic_path

SEED = 0


def main() -> None:
    """Train, make volumes, score them and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--only", nargs="*", choices=list(QUESTIONS))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("tumsyn.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        cohort = phantom_cohort(work / "cohort", FULL)
        cost = {name: trained(work, cohort, name, given.config) for name in TEXTS}
        begun = time.monotonic()
        makers = {text: KeptMaker(work / text, work / "made") for text in TEXTS}
        found = measured(makers, work, cohort, given.only or list(QUESTIONS))
        steps = makers["built-in"].maker.record.steps
        cost["scoring"] = {"wall seconds": round(time.monotonic() - begun)}
    record = {
        "command": f"python benchmarks/zoo/accept_tumsyn.py --config {Path(given.config).name}",
        "machine": f"{os.cpu_count()} cores, CPU only, shared with other work",
        "date": datetime.date.today().isoformat(),
        "seed": SEED,
        "steps": steps,
        "cost": cost,
        "people": {"trained on": FULL.fine + FULL.native, "scored": min(FULL.test, MOST_PEOPLE)},
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


def measured(makers: dict[str, KeptMaker], work: Path, cohort: Path, names: list[str]) -> dict[str, Any]:
    """Answer the questions `names` about the finished models, and return these and all earlier answers about them."""
    about = "-".join(maker.maker.name.rpartition("@")[2] for maker in makers.values())
    places = {name: work / "answers" / f"{name.replace(' ', '-')}-{about}.json" for name in QUESTIONS}
    for name in names:
        if not places[name].is_file():
            answer = QUESTIONS[name](makers, work, cohort, np.random.default_rng(SEED))
            with atomic_path(places[name]) as aside:
                aside.write_text(json.dumps(answer))
    return {name: json.loads(path.read_text()) if path.is_file() else "not answered yet"
            for name, path in places.items()}  # fmt: skip


TEXTS = ("built-in", "one-hot")
QUESTIONS: dict[str, Callable[[dict[str, KeptMaker], Path, Path, np.random.Generator], dict[str, Any]]] = {
    "contrasts": lambda makers, work, cohort, rng: contrasts(makers["built-in"], cohort, rng),
    "echo times": lambda makers, work, cohort, rng: echo_times(makers["built-in"], cohort),
    "1.5 times finer grid": lambda makers, work, cohort, rng: finer(makers["built-in"], cohort, rng),
    "retrieval": lambda makers, work, cohort, rng: retrieval(work / "built-in", cohort, rng),
    "degraded inputs": lambda makers, work, cohort, rng: degraded(makers["built-in"], cohort),
    "a protocol never trained on": lambda makers, work, cohort, rng: unseen_protocol(makers["built-in"], cohort, rng),
    "text": lambda makers, work, cohort, rng: ablation(makers, cohort, rng),
    "volume of fluid": lambda makers, work, cohort, rng: fluid_volumes(makers["built-in"], cohort),
    "sheet": lambda makers, work, cohort, rng: save_sheet(work / "sheet.png", makers["built-in"], cohort),
}


if __name__ == "__main__":
    main()
