"""A model and the phantom it was trained on in, how well drawn ventricles follow the volume asked for out.

    python benchmarks/ldm/volume.py WORK HELD --model phantom --out benchmarks/ldm/volume.json

WORK is what `train_phantom.py` wrote (the people it was trained on); HELD the same of other people, made by
`train_phantom.py HELD --people 8 --seed 12 --slices-only`. Within a group position, plane, sequence, age, sex and noise
are fixed, and only the volume asked for varies, in equal steps over what the training people show at that position
(5th to 95th percentile). The volume in a picture is measured by ridge regression of the true volume on the central
pixels, one for each contrast, fitted on WORK and checked on HELD.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

from braincaption.slicefolder import read_slices
from brainldm.generate import Generator, SamplerSettings
from brainldm.wording import STRUCTURES, build_prompt
from brainldm.zoo import find_model

Array = npt.NDArray[np.float64]
STRUCTURE = "lateral ventricles"
POSITIONS_MM = (6.0, 12.0, 18.0, 21.0)
SEQUENCES = ("T1w", "T2w", "FLAIR")
VALUES = 20
SHOWN_MM = (-5.0, 36.0)  # where lateral ventricles are: the measure is fitted and checked there
ROWS, COLUMNS = slice(8, 56), slice(12, 52)  # the middle of a picture of 64 × 64
RIDGE = 100.0


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Slices that may show ventricles: grey values in [0, 1], facts, true volumes in mm³."""

    images: Array
    table: pd.DataFrame
    volumes: Array


def load(work: Path) -> Shown:
    """Return the slices of `work` with the true volumes of their ventricles."""
    found = read_slices(work / "slices")
    facts = pd.concat([pd.read_parquet(path) for path in sorted((work / "captions" / "slices").glob("*.parquet"))])
    facts = facts[facts["plane"] == "axial"].set_index(["volume_id", "index"])
    chosen = found.select(found.table["position_mm"].between(*SHOWN_MM).to_numpy())
    structures = facts.loc[list(zip(chosen.table["volume_id"], chosen.table["index"], strict=True)), "structures"]
    volumes = [sum(one["volume_mm3"] for one in row if one["label"] in STRUCTURES[STRUCTURE]) for row in structures]
    images = np.stack(list(chosen.images())).astype(np.float64) / 255
    return Shown(images=images, table=chosen.table, volumes=np.array(volumes, dtype=np.float64))


class Measure:
    """Ridge regression of a volume on grey values relative to the brain's median, halved in resolution."""

    def __init__(self, images: Array, volumes: Array) -> None:
        features = _features(images)
        self.centre, self.level = features.mean(axis=0), float(volumes.mean())
        spread = features - self.centre
        normal = spread.T @ spread + RIDGE * np.eye(spread.shape[1])
        self.weights = np.linalg.solve(normal, spread.T @ (volumes - self.level))

    def __call__(self, images: Array) -> Array:
        """Return the volume in each picture, mm³."""
        return (_features(images) - self.centre) @ self.weights + self.level


def _features(images: Array) -> Array:
    middle = images[:, ROWS, COLUMNS]
    n, height, width = middle.shape
    halved = middle.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    brain = np.array([np.median(one[one > 0.05]) if (one > 0.05).any() else 1.0 for one in halved])
    return np.asarray((halved / brain[:, None, None]).clip(0, 3).reshape(n, -1))


def check(measures: dict[str, Measure], held: Shown) -> dict[str, Any]:
    """Return Spearman's correlation of measured and true volumes on people whom the measures have not seen."""
    found = {}
    for sequence, measure in measures.items():
        mine = (held.table["sequence"] == sequence).to_numpy()
        values, true = measure(held.images[mine]), held.volumes[mine]
        places = held.table["position_mm"].to_numpy()[mine]
        within = [
            spearmanr(values[places == place], true[places == place]).statistic
            for place in np.unique(places)
            if len(np.unique(true[places == place])) > 3
        ]
        found[sequence] = {
            "slices": int(mine.sum()),
            "spearman": float(spearmanr(values, true).statistic),
            "spearman_within_position_median": float(np.median(within)),
        }
    return found


def groups(train: Shown) -> list[dict[str, Any]]:
    """Return what is fixed in each group, and the volumes that it asks for."""
    found = []
    for number, (position, sequence) in enumerate(product(POSITIONS_MM, SEQUENCES)):
        there = train.volumes[(train.table["position_mm"] - position).abs().to_numpy() <= 3.0]
        low, high = np.percentile(there, [5, 95])
        found.append({
            "position_mm": position, "sequence": sequence, "age": (30.0, 50.0, 70.0)[number % 3],
            "sex": "FM"[number % 2], "seed": number, "asked_mm3": np.linspace(low, high, VALUES).round().tolist(),
        })  # fmt: skip
    return found


def main() -> None:
    """Parse the arguments, fit and check the measure, draw, correlate, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("held", type=Path)
    parser.add_argument("--model", default="phantom")
    parser.add_argument("--guidance", type=float, help="by default the model's")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    train, held = load(options.work), load(options.held)
    measures = {
        name: Measure(train.images[mine], train.volumes[mine])
        for name in SEQUENCES
        for mine in [(train.table["sequence"] == name).to_numpy()]
    }
    checked = check(measures, held)
    model = Generator(find_model(options.model))
    guidance = model.record.settings.sampling.guidance if options.guidance is None else options.guidance
    how = SamplerSettings(steps=20, sampler="dpmpp", guidance=guidance, negative="")
    rows = groups(train)
    for group in rows:
        facts = {key: group[key] for key in ("position_mm", "sequence", "age", "sex")}
        prompts = [
            build_prompt(plane="axial", structures={STRUCTURE: volume}, **facts) for volume in group["asked_mm3"]
        ]
        drawn = model.draw(prompts, [group["seed"]] * VALUES, how)
        group["found_mm3"] = measures[group["sequence"]](drawn.astype(np.float64) / 255).round(1).tolist()
        group["spearman"] = float(spearmanr(group["asked_mm3"], group["found_mm3"]).statistic)
    median = float(np.median([group["spearman"] for group in rows]))
    document = {
        "model": model.name, "guidance": guidance, "steps": 20, "sampler": "dpmpp", "structure": STRUCTURE,
        "median_spearman": median, "wanted": 0.6, "measure_on_held_out_people": checked, "groups": rows,
        "date": date.today().isoformat(), "machine": "2 cores, CPU only",
    }  # fmt: skip
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for group in rows:
        print(f"{group['sequence']:6s} {group['position_mm']:5.1f} mm  Spearman {group['spearman']:.3f}")
    worst = min(one["spearman"] for one in checked.values())
    print(f"median {median:.3f} in {len(rows)} groups of {VALUES}; the measure {worst:.3f} on unseen people")


if __name__ == "__main__":
    main()
