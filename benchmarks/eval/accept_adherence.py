"""Slices of real people with captions and true labels in, how well the judges of captions do on unseen people out.

    brain caption tabulate COHORT --merge --out table && brain caption write table
    brain caption render table --out slices --size 96 --fov 192
    brain eval draw-labels table slices --out slices-labels
    python benchmarks/eval/accept_adherence.py --slices slices --labels slices-labels [--out adherence.json]

For three divisions of the people: F1 of structure presence on held-out people, the same with captions exchanged
between slices of one plane and 6 mm (scanner coordinates), the segmenter's Dice on the same people, and the agreement
of volumes asked with volumes found. Without --labels only the small reader is judged.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

import numpy as np

from braineval.agreement_table import mean
from braineval.heldout import hold_out
from braineval.label_slices import LabelSlices, open_labels
from braineval.metrics.caption_adherence import score
from braineval.segmenter_training import SegmenterSettings, train_segmenter
from braineval.settings import Settings
from braineval.slices import Slices, open_slices

SEEDS = (0, 1, 2)


def main() -> None:
    """Judge every division of the people and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=Path)
    parser.add_argument("--labels", type=Path, help="what `brain eval draw-labels` wrote for them")
    parser.add_argument("--steps", type=int, default=SegmenterSettings().steps)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("adherence.json"))
    given = parser.parse_args()
    if given.slices is None:
        print("accept_adherence needs real captioned slices: give --slices; nothing was measured", file=sys.stderr)
        return
    real = open_slices(given.slices)
    labels = open_labels(given.labels) if given.labels else None
    rows = []
    for seed in SEEDS:
        rows.append(judged(real, seed, None))
        if labels is not None:
            rows.append(segmented(real, labels, seed, given.steps))
    record = {
        "command": "python benchmarks/eval/accept_adherence.py --slices … --labels …",
        "slices": given.slices.name,
        "planes": sorted(set(real.column("plane"))),
        "people": real.people,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, CPU only",
        "date": datetime.date.today().isoformat(),
        "rows": rows,
    }
    given.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def segmented(real: Slices, labels: LabelSlices, seed: int, steps: int) -> dict[str, object]:
    """Train a segmenter and return what it is worth as a judge."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "segmenter"
        about = train_segmenter(real, labels, folder, SegmenterSettings(steps=steps, seed=seed)).about
        row = judged(real, seed, folder)
    return row | {"dice_unseen_people": round(about.mean_dice, 4), "dice": about.dice, "steps": steps}


def judged(real: Slices, seed: int, segmenter: Path | None) -> dict[str, object]:
    """Return F1 on held-out people with their own and with exchanged captions; what is scored are their slices."""
    unseen = hold_out(real, np.random.default_rng(seed)).unseen
    found = score(real, unseen, Settings(draws=200, seed=seed, segmenter=segmenter))
    exchanged = float(found.details["exchanged"])
    row: dict[str, object] = {
        "seed": seed,
        "judge": "reader" if segmenter is None else "segmenter",
        "slices": len(unseen),
        "people": unseen.people,
        "f1_unseen_people": round(found.value, 4),
        "ci95": None if found.ci95 is None else [round(bound, 4) for bound in found.ci95],
        "f1_exchanged": round(exchanged, 4),
        "falls_by": round(found.value - exchanged, 4),
        "protocol": found.preprocessing,
    }
    table = found.details.get("by_structure")
    if table:
        row["volumes"] = {name: round(mean([one[name] for one in table]), 4) for name in ("pearson", "icc")}
    print({name: value for name, value in row.items() if name != "protocol"}, flush=True)
    return row


if __name__ == "__main__":
    main()
