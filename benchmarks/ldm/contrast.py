"""A model and the phantom it was trained on in, the share of its pictures that show the contrast asked for out.

    python benchmarks/ldm/contrast.py WORK HELD --model phantom --out benchmarks/ldm/contrast.json

Draws 300 prompts, seeds 0 to 299, each with T1w, T2w and FLAIR from the same seed: 900 pictures, no selection. A
classifier trained on the people of WORK, and checked on those of HELD whom it has not seen, names what came out. WORK
and HELD are what `train_phantom.py` wrote (HELD with `--people 8 --seed 12 --slices-only`).
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import date
from pathlib import Path

import numpy as np

from braineval.classifier import Classifier, ClassifierSettings, train_classifier
from braineval.slices import Slices, open_slices
from brainldm.generate import Generator, SamplerSettings, generate
from brainldm.prompts import Request
from brainldm.wording import build_prompt
from brainldm.zoo import find_model

SEQUENCES = ("T1w", "T2w", "FLAIR")
PLACES_MM = (-30.5, -20.5, -10.5, 0.5, 10.5, 20.5, 30.5, 40.5, 50.5, 60.5)
PROMPTS = 300
STEPS, BATCH = 300, 64  # of the classifier
SEED = 0


def requests() -> list[Request]:
    """Return what to draw: positions, ages and sexes in turn."""
    found = []
    for number in range(PROMPTS):
        age, sex = (None, None) if number % 2 else (25.0 + number % 55, "FM"[number // 2 % 2])
        for sequence in SEQUENCES:
            caption = build_prompt(
                plane="axial", sequence=sequence, position_mm=PLACES_MM[number % len(PLACES_MM)], age=age, sex=sex
            )
            facts = {"volume_id": f"prompt-{number:03d}-{sequence}", "sequence": sequence, "plane": "axial"}
            found.append(Request(caption=caption, seed=number, facts=facts))
    return found


def accuracy(judge: Classifier, slices: Slices) -> float:
    """Return the share of slices whose sequence the judge names."""
    return float((judge.predict(slices, BATCH) == slices.column("sequence")).mean())


def main() -> None:
    """Parse the arguments, train the judge, draw, judge, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("held", type=Path)
    parser.add_argument("--model", default="phantom")
    parser.add_argument("--guidance", type=float, help="by default the model's")
    parser.add_argument("--drawn", type=Path, required=True, help="slice folder to draw into")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    train, held = open_slices(options.work / "slices"), open_slices(options.held / "slices")
    settings = ClassifierSettings(steps=STEPS)
    judge = train_classifier(train, train.column("sequence").astype(str), np.random.default_rng(SEED), settings)
    checked = accuracy(judge, held)
    model = Generator(find_model(options.model))
    guidance = model.record.settings.sampling.guidance if options.guidance is None else options.guidance
    how = SamplerSettings(steps=20, sampler="dpmpp", guidance=guidance, negative="")
    begun = time.perf_counter()
    wanted = requests()
    generate(model, wanted, how, options.drawn)
    seconds = (time.perf_counter() - begun) / len(wanted)
    drawn = open_slices(options.drawn)
    named, asked = judge.predict(drawn, BATCH), drawn.column("sequence")
    share = float((named == asked).mean())
    document = {
        "model": model.name, "pictures": len(drawn), "seeds": "0-299, each in three contrasts",
        "guidance": guidance, "steps": 20, "sampler": "dpmpp", "named_right": share, "wanted": 0.95,
        "by_sequence": {name: float((named[asked == name] == name).mean()) for name in SEQUENCES},
        "judge_on_held_out_people": checked, "judge_wanted": 0.98, "held_out_slices": len(held),
        "held_out_people": held.people, "seconds_per_picture": seconds, "date": date.today().isoformat(),
        "machine": "2 cores, CPU only",
    }  # fmt: skip
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{share:.4f} of {len(drawn)} named right; the judge {checked:.4f} on {len(held)} slices of unseen people")


if __name__ == "__main__":
    main()
