"""A model and the slices it was trained on in, the share of pictures that show the contrast asked for out.

    python benchmarks/ldm/contrast.py SLICES --model phantom --prompts 100 --out benchmarks/ldm/contrast.json

Draws each prompt with T1w, T2w and FLAIR in turn and one seed for the three (seeds 0, 1, …; no selection), then lets
`brain eval`'s contrast classifier, trained on SLICES and checked on people it has not seen, name what came out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

NAMES = {"T1w": "T1-weighted", "T2w": "T2-weighted", "FLAIR": "FLAIR"}
PLACES_MM = (-40, -25, -10, 0, 10, 20, 30, 40, 50)


def prompts(count: int) -> pd.DataFrame:
    """Return `count` prompts in three contrasts each, positions in turn."""
    rows = []
    for i in range(count):
        place = PLACES_MM[i % len(PLACES_MM)]
        side = "below" if place < 0 else "above"
        for sequence, name in NAMES.items():
            text = f"Axial {name} MRI slice, {abs(place)} mm {side} the origin."
            rows.append(
                {"volume_id": f"prompt-{i:03d}-{sequence}", "caption": text, "sequence": sequence, "plane": "axial"}
            )
    return pd.DataFrame(rows)


def main() -> None:
    """Parse the arguments, draw, judge, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slices", type=Path)
    parser.add_argument("--model", default="phantom")
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--work", type=Path, default=Path("contrast_work"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    table = prompts(options.prompts)
    begun = time.perf_counter()
    for number, (_, part) in enumerate(table.groupby("sequence")):
        path = options.work / f"prompts{number}.parquet"
        part.to_parquet(path, index=False)  # each contrast by itself, so that prompt i has seed i in all three
        brain("ldm", "generate", path, "--out", options.work / f"drawn{number}", "--model", options.model)
    seconds = (time.perf_counter() - begun) / len(table)
    scores = []
    for number in range(len(NAMES)):
        score = options.work / f"score{number}.json"
        brain("eval", "contrast-accuracy", options.slices, options.work / f"drawn{number}", "--out", score)
        scores.append(json.loads(score.read_text(encoding="utf-8")))
    share = sum(score["value"] * score["n_generated"] for score in scores) / len(table)
    document = {
        "model": options.model, "pictures": len(table), "share_named_right": share, "seconds_per_picture": seconds,
        "scores": scores,
    }  # fmt: skip
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"{share:.3f} of {len(table)} named right, {seconds:.2f} s a picture")


def brain(*arguments: object) -> None:
    """Run a `brain` command."""
    subprocess.run([str(Path(sys.executable).with_name("brain")), *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
