"""Phantom slices in, what the few-shot gain says of good, soft and mislabelled generated slices out.

    python benchmarks/eval/accept_gain.py [--slices FOLDER] [--out gain.json]

Real: slices of three fifths of the people. Generated: slices of the others, as they are (a generator without fault),
blurred, and with their contrasts exchanged; also how alike the contrasts of one place are, between both bounds.
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
from spoiling import blur

from braineval import metrics
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader, open_slices

PAIRED = ("ncc-contrasts", "nmi-contrasts", "ssim-contrasts")


def main() -> None:
    """Measure and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=Path, help="what in_memory.py wrote; 40 people by default")
    parser.add_argument("--people", type=int, default=40, help="of the folder are used")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("gain.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = given.slices or phantom_folder(Path(work) / "slices", people=given.people, seed=7001)
        real, made = sides(open_slices(folder), given.people)
    settings = Settings(draws=200)
    rows = [gain(name, real, variant, settings) for name, variant in variants(made).items()]
    bounds = [metrics.scorer(name)(real, made, settings).as_dict() for name in PAIRED]
    record = {
        "command": "python benchmarks/eval/accept_gain.py",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, CPU only",
        "date": datetime.date.today().isoformat(),
        "seed": 0,
        "rows": rows,
        "contrasts": bounds,
    }
    given.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def sides(slices: Slices, people: int) -> tuple[Slices, Slices]:
    """Return real slices with a third of their people marked as test, and slices of other people."""
    position = slices.column("position_mm").astype(float)
    middle = slices.select((slices.units < people) & (position > -35) & (position < 60))
    names = np.unique(middle.column("person").astype(str))
    real, aside = names[: 3 * people // 5], names[3 * people // 5 :]
    table = middle.table
    table["split"] = np.where(np.isin(table["person"], real[::3]), "test", "train")
    marked = from_reader(Arrays(table=table, pixels=middle.images()), "phantom")
    person = marked.column("person").astype(str)
    return marked.select(np.isin(person, real)), marked.select(np.isin(person, aside))


def variants(made: Slices) -> dict[str, Slices]:
    """Return the generated slices as they are, blurred, and with their contrasts exchanged."""
    table, pixels = made.table, made.images()
    names = sorted(table["sequence"].unique())
    wrong = table.assign(sequence=[names[(names.index(name) + 1) % len(names)] for name in table["sequence"]])
    soft = blur(pixels, 3, np.random.default_rng(0))
    return {
        "other people": from_reader(Arrays(table=table, pixels=pixels), "other people"),
        "other people, blurred": from_reader(Arrays(table=table, pixels=soft), "blurred"),
        "other people, contrasts exchanged": from_reader(Arrays(table=wrong, pixels=pixels), "exchanged"),
    }


def gain(name: str, real: Slices, made: Slices, settings: Settings) -> dict[str, object]:
    """Return the row of one kind of generated slices."""
    score = metrics.scorer("few-shot-gain")(real, made, settings)
    details = {key: round(float(value), 4) for key, value in score.details.items()}
    row = {"generated": name, "interval": [round(bound, 4) for bound in score.ci95 or ()], **details}
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
