"""Slices of a phantom cohort in, how each metric answers to blur, noise, ghosts … out: who notices what, and when.

    python benchmarks/eval/accept_sensitivity.py [--slices FOLDER --labels FOLDER] [--out sensitivity.json]

Real: three quarters of the people. Generated: the other quarter, spoilt in eight ways at three strengths. A metric
notices when the interval of the spoilt slices lies wholly on the worse side of what it says of the unspoilt ones; how
far, in half widths of that interval, gives the order. Metrics of slice pairs compare with the unspoilt slices.
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
from cohort import labelled, phantom_slices
from spoiling import spoilt

from braineval import metrics
from braineval.label_slices import open_labels
from braineval.score import Score
from braineval.segmenter_training import SegmenterSettings, train_segmenter
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader, open_slices

EVERY = 6  # of the rendered slices: neighbours are alike, and a sixth takes a sixth of the time
UNPAIRED = (
    "frechet",
    "frechet-infinite",
    "kernel",
    "precision",
    "recall",
    "memorisation",
    "contrast-accuracy",
    "caption-adherence",
    "ssim-diversity",
)
PAIRED = ("ssim", "ssim-brain", "psnr", "nmi", "ncc", "volume-agreement")
# Diversity has no worse side by itself; here it is lost when slices grow alike.
RISING = ("ssim-diversity",)


def main() -> None:
    """Score every spoilt set with every metric and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=Path, help="captioned slice folder; a phantom cohort by default")
    parser.add_argument("--labels", type=Path, help="its label slices")
    parser.add_argument("--people", type=int, default=40, help="of the phantom cohort")
    parser.add_argument("--steps", type=int, default=500, help="the segmenter is trained for")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("sensitivity.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        slices = given.slices or phantom_slices(Path(work), people=given.people, seed=5001)
        truth = open_labels(given.labels or labelled(slices))
        real, clean = sides(slices)
        folder = Path(work) / "segmenter"
        about = train_segmenter(real, truth, folder, SegmenterSettings(steps=given.steps)).about
        judge = Judge(real=real, clean=clean, settings=Settings(draws=60, floor_draws=1, segmenter=folder))
        rows = [judge.row(name, level, made) for name, level, made in spoilt(real, clean, truth)]
    record = {
        "command": "python benchmarks/eval/accept_sensitivity.py",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, CPU only",
        "date": datetime.date.today().isoformat(),
        "seed": 0,
        "real": [len(real), real.people],
        "generated": [len(clean), clean.people],
        "segmenter_dice": round(about.mean_dice, 4),
        "rows": rows,
    }
    given.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(markdown(rows))


def sides(folder: Path) -> tuple[Slices, Slices]:
    """Return real slices, with people marked as training and test, and unspoilt ones of a quarter of the people."""
    everything = open_slices(folder)
    position = everything.column("position_mm").astype(float)
    everything = everything.select((everything.column("plane") == "axial") & (position > -35) & (position < 60))
    everything = everything.select(np.arange(0, len(everything), EVERY))
    people = np.unique(everything.column("person").astype(str))
    aside = np.isin(everything.column("person").astype(str), people[::4])
    table = everything.table
    table["split"] = np.where(np.isin(table["person"], people[1::4]), "test", "train")
    marked = from_reader(Arrays(table=table, pixels=everything.images()), "phantom")
    return marked.select(~aside), marked.select(aside)


class Judge:
    """Scores spoilt slices and remembers what every metric said of the unspoilt ones."""

    def __init__(self, *, real: Slices, clean: Slices, settings: Settings) -> None:
        self._real, self._clean, self._settings = real, clean, settings
        self._unspoilt: dict[str, Score] = {}

    def row(self, name: str, strength: int, made: Slices) -> dict[str, object]:
        """Return what every metric says of one variant, and which notice, the clearest answer first."""
        said: dict[str, float] = {}
        excess: dict[str, float] = {}
        for metric in (*UNPAIRED, *PAIRED):
            score = metrics.scorer(metric)(self._real if metric in UNPAIRED else self._clean, made, self._settings)
            said[metric] = round(score.value, 4)
            excess[metric] = round(beyond(metric, score, self._unspoilt.setdefault(metric, score)), 2)
        noticed = sorted((metric for metric in said if excess[metric] > 1), key=lambda metric: -excess[metric])
        print(name, strength, "noticed by", ", ".join(noticed), flush=True)
        return {"spoilt": name, "strength": strength, "values": said, "half_widths": excess, "noticed": noticed}


def beyond(metric: str, score: Score, plain: Score) -> float:
    """Return how far the value lies on the worse side of the unspoilt one, in half widths of its own interval."""
    assert score.ci95 is not None
    higher = score.higher_is_better if metric not in RISING else False
    worse = plain.value - score.value if higher else score.value - plain.value
    half = score.ci95[1] - score.value if higher else score.value - score.ci95[0]
    # Where nothing changed, nothing is noticed, however narrow the interval.
    return min(worse / max(half, 1e-6 * abs(plain.value), 1e-9), 9999.0)


def markdown(rows: list[dict[str, object]]) -> str:
    """Return the table of the weakest strength at which each metric notices."""
    named = (*UNPAIRED, *PAIRED)
    lines = ["| spoilt by | " + " | ".join(named) + " |", "| --- " * (len(named) + 1) + "|"]
    for name in dict.fromkeys(str(row["spoilt"]) for row in rows if row["strength"]):
        cells = []
        for metric in named:
            seen = [row["strength"] for row in rows if row["spoilt"] == name and metric in row["noticed"]]  # type: ignore[operator]
            cells.append(str(seen[0]) if seen else "–")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
