"""Phantom heads in, proof out that SD-MRI learns contrasts and a field strength that its base had never seen.

    python benchmarks/zoo/accept_sd_mri.py [--work FOLDER] [--threads N] [--out sd_mri.json] [--real ../shared/data]

A miniature Stable Diffusion is trained on T1w at 3 T alone; then `brain ldm train sd-mri … --base` teaches it T2w,
FLAIR and 0.3 T. Every picture scored is asked for as a slice of people not trained on, whom no judge learns from.
Killed, the same command with the same --work goes on; seconds add up.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from brain_command import THREADS, brain, train
from field_slices import Group, field_slices
from sd_mri_real import measured_on_real_scans
from sd_mri_steps import write_tiny
from spent import Spent

from braincaption.slicefolder import METADATA, encode_png, read_slices
from braineval.metrics import contrast_accuracy, few_shot_gain, field_strength_accuracy, frechet, ms_ssim_diversity
from braineval.score import NotDefinedError, Score
from braineval.settings import Settings
from braineval.slices import Arrays, Slices, from_reader, open_slices
from brainldm.sdmri.generate import SdGenerator
from brainldm.sdmri.pictures import to_colour, to_grey
from brainldm.sdmri.real_shapes import count, forward_shapes, real_text_encoder, real_unet, real_vae
from brainldm.slices import to_bytes

SEED, PEOPLE_SEED = 0, 22
TARGET = 0.9
BASE_STEPS = 200  # of the U-Net on T1w at 3 T
DRAWN = 16  # pictures a contrast and field strength
FIELDS, CONTRASTS, SEEN = (0.3, 3.0), ("T1w", "T2w", "FLAIR"), ("T1w", 3.0)
ENLARGED = 3  # MS-SSIM wants more than 160 pixels
DRAWS = 200


def main() -> None:
    """Train, draw, score and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--threads", type=int, default=THREADS, help="of training; 1 where other work runs beside it")
    parser.add_argument("--real", type=Path, default=Path("..", "shared", "data"))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("sd_mri.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        spent = Spent(work)
        with spent.part("phantom heads", work / "unseen" / METADATA):
            make_slices(work)
        train_both(work, given.threads, spent)
        with spent.part("drawing", work / "drawn-model" / METADATA):
            draw(work)
        with spent.part("scoring"):
            found = measured(work)
        with spent.part("the real one's shapes"):
            found["Stable Diffusion v1.5 on the meta device"] = real_shapes()
        write(given.out, spent, found)
        with spent.part("real scans", work / "drawn-real" / METADATA):
            found["real scans"] = measured_on_real_scans(given.real, work)
        write(given.out, spent, found)


def write(out: Path, spent: Spent, found: dict[str, Any]) -> None:
    """Write what was found so far."""
    record = {
        "command": "python benchmarks/zoo/accept_sd_mri.py",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, CPU only",
        "date": datetime.date.today().isoformat(),
        "seed": SEED,
        "seconds": spent.seconds,
        "targets": {"contrast accuracy": TARGET, "field strength accuracy": TARGET},
        **found,
    }
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


def make_slices(work: Path) -> None:
    """Draw the heads: T1w at 3 T for the base, all for the fine-tuning, and a small set at 0.35 T nobody trains on."""
    field_slices(work / "seen", [Group(field_t=3.0, people={"train": 10}, first=1, contrasts=("T1w",))], PEOPLE_SEED)
    both = [Group(field_t=3.0, people={"train": 8, "test": 4}, first=101),
            Group(field_t=0.3, people={"train": 8, "test": 4}, first=201)]  # fmt: skip
    field_slices(work / "slices", both, PEOPLE_SEED)
    field_slices(work / "unseen", [Group(field_t=0.35, people={"train": 4, "test": 4}, first=301)], PEOPLE_SEED)


def train_both(work: Path, threads: int, spent: Spent) -> None:
    """Train the base on what it may see, then fine-tune it on everything."""
    how, config = ("--seed", SEED, "--threads", threads), write_tiny(work / "base.toml", BASE_STEPS)
    train(spent, "training", "sd-mri", work / "seen", work / "base", "--config", config, *how)
    train(spent, "training", "sd-mri", work / "slices", work / "model", "--base", work / "base", "--config", "tiny",
          *how)  # fmt: skip


def draw(work: Path) -> None:
    """Draw, before and after, the contrast and field strength of slices of people not trained on."""
    table = read_slices(work / "slices").table
    rows = []
    for _, group in table[table["split"] == "test"].groupby(["field_strength_t", "sequence"], sort=True):
        ordered = group.sort_values(["person", "position_mm"])
        rows.append(ordered.iloc[np.linspace(0, len(ordered) - 1, DRAWN).round().astype(int)])
    pd.concat(rows).drop(columns="file_name").to_parquet(work / "asked.parquet", index=False)
    for name in ("base", "model"):
        brain("ldm", "generate", work / "asked.parquet", "--model", work / name, "--out", work / f"drawn-{name}")


def measured(work: Path) -> dict[str, Any]:
    """Return what the pictures before and after are worth."""
    settings = Settings(draws=DRAWS)
    real = open_slices(work / "slices")
    after, before = open_slices(work / "drawn-model"), open_slices(work / "drawn-base")
    bound = through_the_vae(work / "model", real.select(real.column("split") == "test"))
    save_sheet(work / "sheet.png", real, before, after)
    found: dict[str, Any] = {
        "people": {"base": 10, "fine-tuning": 16, "judges and distances": 24, "of them unseen": 8, "0.35 T": 8},
        "drawn": len(after),
    }
    for what, metric in (("contrast", contrast_accuracy), ("field strength", field_strength_accuracy)):
        scores = {"after": metric.score(real, after, settings), "before": metric.score(real, before, settings),
                  "bound: real slices through the VAE": metric.score(real, bound, settings)}  # fmt: skip
        found[what] = {name: accuracy(score, slices) for (name, score), slices in
                       zip(scores.items(), (after, before, bound), strict=True)}  # fmt: skip
        judge = scores["after"].floor
        found[what]["judge on real slices of unseen people"] = judge.people
        found[what]["chance"] = round(1 / len(scores["after"].details["classes"]), 3)
        found[what]["reached"] = scores["after"].value >= TARGET
    found["by field strength"] = {f"{field:g} T": at_field(real, after, field, settings) for field in FIELDS}
    found["few-shot contrast gain at 0.35 T, never seen by the generator"] = gain(work, after, settings)
    return found


def accuracy(score: Score, slices: Slices) -> dict[str, Any]:
    """Return a score with its interval, what the base had seen apart from what it had not, and every group."""
    hits = np.array(score.details["asked"]) == np.array(score.details["named"])
    groups = pairs(slices)
    seen = groups == f"{SEEN[0]} {SEEN[1]:g} T"
    return {
        "value": round(score.value, 4),
        "ci95 over people": None if score.ci95 is None else [round(bound, 4) for bound in score.ci95],
        "of what the base had seen": round(float(hits[seen].mean()), 4),
        "of what it had not": round(float(hits[~seen].mean()), 4),
        "by group": {str(name): round(float(hits[groups == name].mean()), 4) for name in np.unique(groups)},
        "named": {
            str(name): int(n) for name, n in zip(*np.unique(score.details["named"], return_counts=True), strict=True)
        },
    }


def pairs(slices: Slices) -> npt.NDArray[np.str_]:
    """Return contrast and field strength of every slice, as one word."""
    fields = field_strength_accuracy.names(slices)
    return np.array([f"{one} {field}" for one, field in zip(slices.column("sequence"), fields, strict=True)])


def at_field(real: Slices, drawn: Slices, field: float, settings: Settings) -> dict[str, Any]:
    """Return distance to real slices of unseen people and diversity, of one field strength."""
    name = f"{field:g} T"
    held = real.select((field_strength_accuracy.names(real) == name) & (real.column("split") == "test"))
    made = drawn.select(field_strength_accuracy.names(drawn) == name)
    distance = frechet.score(held, made, settings)
    diversity = ms_ssim_diversity.score(enlarged(held), enlarged(made), settings)
    both = {"frechet, built-in extractor": distance, "MS-SSIM between slices": diversity}
    return {
        key: {
            "value": round(score.value, 4),
            "ci95": score.ci95 and [round(one, 4) for one in score.ci95],
            "real against real": score.floor.as_dict(),
        }
        for key, score in both.items()
    }


def enlarged(slices: Slices) -> Slices:
    """Return slices with every pixel repeated, as MS-SSIM halves a picture four times."""
    pixels = slices.images().repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2)
    return from_reader(Arrays(table=slices.table, pixels=pixels), f"{slices.name}, enlarged")


def gain(work: Path, drawn: Slices, settings: Settings) -> dict[str, Any]:
    """Return the few-shot gain by slices drawn at 0.3 T, the nearest field strength that the generator knows."""
    near = drawn.select(field_strength_accuracy.names(drawn) == "0.3 T")
    try:
        score = few_shot_gain.score(open_slices(work / "unseen"), near, settings)
    except NotDefinedError as error:
        return {"not defined": str(error)}
    details = {key: round(float(value), 4) for key, value in score.details.items()}
    interval = None if score.ci95 is None else [round(bound, 4) for bound in score.ci95]
    return {
        "gain": round(score.value, 4), "ci95": interval, "accuracy without": details["without"],
        "control: as many augmented copies": details["augmented"], "as many other real slices": details["real"],
        "shots": details["shots"], "slices": len(near),
    }  # fmt: skip


@torch.no_grad()
def through_the_vae(model: Path, slices: Slices) -> Slices:
    """Return real slices as the model's VAE gives them back: no denoiser can be better."""
    vae = SdGenerator(model, by_facts=False).vae
    images = slices.images()
    made = [vae.decode(vae.encode(to_colour(part, part.shape[1])).latent_dist.mean).sample
            for part in np.array_split(images, -(-len(images) // 32))]  # fmt: skip
    shape = (images.shape[1], images.shape[2])
    pixels = np.concatenate([to_bytes(to_grey(part, shape)) for part in made])
    return from_reader(Arrays(table=slices.table, pixels=pixels), "through the VAE")


def real_shapes() -> dict[str, Any]:
    """Return parameters and shapes of Stable Diffusion v1.5, none of whose weights are there."""
    networks = {"U-Net": real_unet(), "VAE": real_vae(), "text encoder": real_text_encoder()}
    return {"parameters": {name: count(one) for name, one in networks.items()}, "forward": forward_shapes()}


def save_sheet(path: Path, real: Slices, before: Slices, after: Slices) -> None:
    """Write a sheet to look at: for each contrast and field strength real slices, then before, then after."""
    lines = []
    for name in np.unique(pairs(after)):
        picked = [side.images(np.flatnonzero(pairs(side) == name)[1::2][:6]) for side in (real, before, after)]
        lines.append(np.concatenate([np.concatenate(list(one), axis=1) for one in picked], axis=1))
    path.write_bytes(encode_png(np.concatenate(lines)))


if __name__ == "__main__":
    main()
