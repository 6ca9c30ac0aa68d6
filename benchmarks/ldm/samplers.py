"""A model and slices of people it has not seen in, a table of steps × sampler × guidance out.

    python benchmarks/ldm/samplers.py WORK HELD --model phantom --work DRAWN --out benchmarks/ldm/samplers.json

For each way of drawing: Fréchet distance of the drawn slices to those of HELD, with braineval's built-in extractor (no
FID: that word is for Inception) and its floors; the share in the contrast asked for, named by a classifier trained on
WORK; CPU seconds a picture. The captions are prompts for slices of HELD, evenly spread. WORK and HELD: see
`contrast.py`.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from contrast import BATCH, SEED, STEPS, accuracy

from braineval.classifier import Classifier, ClassifierSettings, train_classifier
from braineval.metrics import frechet
from braineval.settings import Settings
from braineval.slices import Slices, open_slices
from brainldm.generate import Generator, SamplerSettings, generate
from brainldm.prompts import Request
from brainldm.wording import build_prompt
from brainldm.zoo import find_model

WAYS = [
    *[("dpmpp", steps, guidance) for steps in (5, 10, 20) for guidance in (1.0, 2.0, 4.0)],
    *[("ddim", 20, guidance) for guidance in (1.0, 2.0, 4.0)],
    ("ddim", 50, 2.0),
    ("ddpm", 100, 2.0),
]


def requests(held: Slices, count: int) -> list[Request]:
    """Return prompts for slices of `held`, spread over people, contrasts and positions; seed i for prompt i."""
    chosen = np.linspace(0, len(held) - 1, count).astype(int)
    found = []
    for seed, row in enumerate(held.table.iloc[chosen].to_dict("records")):
        caption = build_prompt(plane="axial", sequence=row["sequence"], position_mm=round(float(row["position_mm"]), 1))
        facts = {"volume_id": f"held-{seed:04d}", "sequence": row["sequence"], "plane": "axial"}
        found.append(Request(caption=caption, seed=seed, facts=facts))
    return found


def measure(
    model: Generator, held: Slices, judge: Classifier, wanted: list[Request], how: SamplerSettings, out: Path
) -> dict[str, Any]:
    """Draw in one way and return its row of the table."""
    begun = time.process_time()
    generate(model, wanted, how, out)
    seconds = (time.process_time() - begun) / len(wanted)
    drawn = open_slices(out)
    score = frechet.score(held, drawn, Settings(seed=SEED))
    return {
        "sampler": how.sampler, "steps": how.steps, "guidance": how.guidance, score.metric: score.value,
        "ci95": score.ci95, "floor_people": None if score.floor is None else score.floor.people,
        "contrast_named_right": accuracy(judge, drawn), "cpu_seconds_per_picture": seconds,
    }  # fmt: skip


def main() -> None:
    """Parse the arguments, train the judge, measure each way, write JSON and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", type=Path, metavar="WORK")
    parser.add_argument("held", type=Path, metavar="HELD")
    parser.add_argument("--model", default="phantom")
    parser.add_argument("--count", type=int, default=48, help="pictures for each way")
    parser.add_argument("--work", type=Path, required=True, help="folder to draw into")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    train, held = open_slices(options.people / "slices"), open_slices(options.held / "slices")
    labels = train.column("sequence").astype(str)
    judge = train_classifier(train, labels, np.random.default_rng(SEED), ClassifierSettings(steps=STEPS))
    model = Generator(find_model(options.model))
    wanted, rows = requests(held, options.count), []
    for sampler, steps, guidance in WAYS:
        how = SamplerSettings(steps=steps, sampler=sampler, guidance=guidance, negative="")
        rows.append(measure(model, held, judge, wanted, how, options.work / f"{sampler}-{steps}-{guidance:g}"))
        print({key: round(v, 4) if isinstance(v, float) else v for key, v in rows[-1].items()}, flush=True)
    document = {
        "model": model.name, "pictures_each": len(wanted), "real_slices": len(held), "people": held.people,
        "judge_on_them": accuracy(judge, held), "batch": BATCH, "rows": rows, "date": date.today().isoformat(),
        "machine": "2 cores, CPU only",
    }  # fmt: skip
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
