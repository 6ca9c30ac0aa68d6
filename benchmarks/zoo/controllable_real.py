"""Real scans in, what Controllable-MR does on a patient it has not seen out: as far as three patients can show.

    python benchmarks/zoo/controllable_real.py ../shared/data [--work FOLDER] [--out controllable_real.json]

It learns from two patients' T1w, T2w and FLAIR and ten people's T1w, and is scored on the third patient and two more
people: edges against masks of other people as deep below the top of the brain (training people's where no others are
there), and whether the asked contrast comes out. One patient gives no interval for T2w and FLAIR.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accept_controllable import (
    MIDDLES,
    SEED,
    SEQUENCES,
    accuracy,
    chosen_rows,
    gains,
    pictures,
    requests,
    save_sheet,
)
from brain_command import THREADS, train
from controllable_real_slices import real_slices
from spent import Spent

from braineval.resample import mean_interval
from braineval.slices import open_slices
from brainldm.controllable.canny import canny
from brainldm.controllable.generate import ControlledGenerator
from brainldm.generate import Generator, SamplerSettings, generate
from brainldm.slices import Slices, load_slices

DRAWS = 10_000


def main() -> None:
    """Train, draw, score and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of ms-mni, ms-raw and oasis-trt")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--threads", type=int, default=THREADS, help="of training; 1 where other work runs beside it")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("controllable_real.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        spent = Spent(work)
        slices = real_slices(given.data, work)
        train(spent, "training", "controllable", slices, work / "model", "--config", given.config,
              "--seed", SEED, "--threads", given.threads)  # fmt: skip
        found = measured(work, slices)
        seconds = spent.seconds
    record = {
        "command": "python benchmarks/zoo/controllable_real.py ../shared/data",
        "config": Path(given.config).stem,
        "machine": f"{os.cpu_count()} cores, CPU only",
        "date": datetime.date.today().isoformat(),
        "seed": SEED,
        "seconds": seconds,
        **found,
    }
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


def measured(work: Path, folder: Path) -> dict[str, Any]:
    """Return what the finished model in ``work/model`` is worth."""
    test, train = load_slices(folder, "test", 4), load_slices(folder, "train", 4)
    everyone = Slices(
        pictures=np.concatenate([test.pictures, train.pictures]),
        table=pd.concat([test.table, train.table], ignore_index=True),
    )
    edges = np.stack([canny(picture) for picture in everyone.pictures])
    rows = chosen_rows(test.table, MIDDLES)  # the first rows of `everyone` are the test slices
    controlled, plain = ControlledGenerator(work / "model"), Generator(work / "model")
    usual = controlled.control.sampling
    how = SamplerSettings(steps=usual.steps, sampler=usual.sampler, guidance=usual.guidance, negative="")
    generate(controlled, requests(test, rows, edges), how, work / "own")
    drawn = pictures(work / "own", test, rows)
    unled = plain.draw(test.table.loc[rows, "caption"].tolist(), range(len(rows)), how)
    save_sheet(work / "sheet.png", test, rows, edges, drawn, unled)
    own, others = gains(everyone.table, rows, edges, drawn, 2.0)
    gain = own - others
    units = np.unique(test.table.loc[rows, "person"], return_inverse=True)[1]
    interval = mean_interval(gain, units, DRAWS, np.random.default_rng(SEED))
    asked = test.table.loc[rows, "sequence"].to_numpy()
    return {
        "people": {"train": int(train.table["person"].nunique()), "test": int(test.table["person"].nunique())},
        "slices": {"train": len(train), "drawn": len(rows)},
        "edges, 2 px": {
            "own mask": round(float(own.mean()), 4),
            "masks of other people": round(float(others.mean()), 4),
            "gain": round(float(gain.mean()), 4),
            "gain, 95 % interval over people": None if interval is None else [round(bound, 4) for bound in interval],
            "gain by contrast": {name: round(float(gain[asked == name].mean()), 4) for name in SEQUENCES},
        },
        "contrast accuracy": accuracy(open_slices(folder), work / "own"),
    }


if __name__ == "__main__":
    main()
