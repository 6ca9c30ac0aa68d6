"""A slice folder of real people with captions in, how well the adherence judge does on people it has not seen out.

    python benchmarks/eval/accept_adherence.py --slices SLICE_FOLDER [--out adherence.json]

The folder must come from `brain caption render` after `brain caption write`. Reported: F1 of structure presence on
held-out people, and the same with captions exchanged between slices of one plane and 6 mm (scanner coordinates).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
from pathlib import Path

from braineval.metrics.caption_adherence import score
from braineval.settings import Settings
from braineval.slices import open_slices

SEEDS = (0, 1, 2)


def main() -> None:
    """Score the folder against itself with several splits of the people; what counts is the judge's own line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("adherence.json"))
    given = parser.parse_args()
    if given.slices is None:
        print("accept_adherence needs real captioned slices: give --slices; nothing was measured", file=sys.stderr)
        return
    real = open_slices(given.slices)
    rows = []
    for seed in SEEDS:
        judged = score(real, real, Settings(draws=2, seed=seed))
        rows.append({"seed": seed, "f1_unseen_people": judged.floor.people, "protocol": judged.preprocessing})
        print(rows[-1], flush=True)
    record = {
        "command": "python benchmarks/eval/accept_adherence.py",
        "slices": given.slices.name,
        "people": real.people,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "date": datetime.date.today().isoformat(),
        "rows": rows,
    }
    given.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
