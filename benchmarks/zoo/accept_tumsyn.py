"""Phantom people in, proof out that TUMSyn makes the contrast, the echo time and the voxel size asked for.

    python benchmarks/zoo/accept_tumsyn.py [--work FOLDER] [--config tiny] [--people N] [--threads N] [--out …]

The system is trained by `brain ldm train tumsyn … --config tiny` on the people of split train; everything scored is of
people of split test. Killed, the same command with the same --work goes on; seconds add up.
With --only it answers some of the questions and keeps the answers in the folder, for as long as model and code are the
same: several may be worked on at once. The second model, told the contrast alone, is trained for the question "text"
only. --people scores the first N held out.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from brain_command import THREADS, train
from spent import Spent
from tumsyn_cohort import FULL, phantom_cohort
from tumsyn_people import KeptMaker, Person, held_out
from tumsyn_sheet import save_sheet
from tumsyn_tasks import ablation, contrasts, degraded, echo_times, finer, fluid_volumes, retrieval, unseen_protocol

from braincaption.atomic import atomic_path

SEED = 0
# A digest of the code that answers, so that no answer outlives it. Taken when that is loaded: a training comes between
# this and the answers, and files may be edited meanwhile.
ANSWERED_BY = hashlib.sha256(
    b"".join(
        Path(__file__).with_name(f"tumsyn_{part}.py").read_bytes() for part in ("cohort", "people", "tasks", "sheet")
    )
).hexdigest()[:12]


def main() -> None:
    """Train, make volumes, score them and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--only", nargs="*", choices=list(QUESTIONS))
    parser.add_argument("--people", type=int, default=FULL.test)
    parser.add_argument("--threads", type=int, default=THREADS, help="of training; 1 where other work runs beside it")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("tumsyn.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        cohort = phantom_cohort(work / "cohort", FULL)
        asked = given.only or list(QUESTIONS)
        texts = TEXTS if "text" in asked else TEXTS[:1]
        for name in texts:
            trained(work, cohort, name, given.config, given.threads)
        makers = {text: KeptMaker(work / text, work / "made") for text in texts}
        found = measured(makers, work, cohort, asked, given.people)
        steps = makers["built-in"].maker.record.steps
        seconds = Spent(work).seconds
    record = {
        "command": f"python benchmarks/zoo/accept_tumsyn.py --config {Path(given.config).name} --people {given.people}",
        "machine": f"{os.cpu_count()} cores, CPU only",
        "date": datetime.date.today().isoformat(),
        "seed": SEED,
        "steps": steps,
        "seconds": seconds,
        "people": {"trained on": FULL.fine + FULL.native, "scored": given.people},
        **found,
    }
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


def trained(work: Path, cohort: Path, text: str, config: str, threads: int = THREADS) -> None:
    """Train a model with one text encoder; the seconds it takes are kept in the folder."""
    train(Spent(work), f"training {text}", "tumsyn", cohort, work / text, "--config", config, "--text", text,
          "--seed", SEED, "--threads", threads)  # fmt: skip


def measured(
    makers: dict[str, KeptMaker], work: Path, cohort: Path, names: list[str], count: int
) -> dict[str, Any]:  # fmt: skip
    """Answer the questions `names` about the finished models, and return these and all earlier answers about them."""
    about = f"{makers['built-in'].maker.name.rpartition('@')[2]}-{count}-{ANSWERED_BY}"
    places = {name: work / "answers" / f"{name.replace(' ', '-')}-{about}.json" for name in QUESTIONS}
    people = list(held_out(cohort, count))
    with Spent(work).part("scoring", *(places[name] for name in names)):
        for name in names:
            if not places[name].is_file():
                answer = QUESTIONS[name](makers, work, people, np.random.default_rng(SEED))
                with atomic_path(places[name]) as aside:
                    aside.write_text(json.dumps(answer))
    return {name: json.loads(path.read_text()) if path.is_file() else "not answered yet"
            for name, path in places.items()}  # fmt: skip


TEXTS = ("built-in", "one-hot")
People = list[Person]
QUESTIONS: dict[str, Callable[[dict[str, KeptMaker], Path, People, np.random.Generator], dict[str, Any]]] = {
    "contrasts": lambda makers, work, people, rng: contrasts(makers["built-in"], people, rng),
    "echo times": lambda makers, work, people, rng: echo_times(makers["built-in"], people),
    "1.5 times finer grid": lambda makers, work, people, rng: finer(makers["built-in"], people, rng),
    "retrieval": lambda makers, work, people, rng: retrieval(work / "built-in", people, rng),
    "degraded inputs": lambda makers, work, people, rng: degraded(makers["built-in"], people),
    "a protocol never trained on": lambda makers, work, people, rng: unseen_protocol(makers["built-in"], people, rng),
    "text": lambda makers, work, people, rng: ablation(makers, people, rng),
    "volume of fluid": lambda makers, work, people, rng: fluid_volumes(makers["built-in"], people),
    "sheet": lambda makers, work, people, rng: save_sheet(work / "sheet.png", makers["built-in"], people),
}


if __name__ == "__main__":
    main()
