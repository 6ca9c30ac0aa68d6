"""Twelve real people in, how a small VAE reconstructs the last three, and how far an LDM of so few copies, out.

    python benchmarks/ldm/real.py ../shared/data/oasis-trt WORK --out benchmarks/ldm/real.json

COHORT is a labelled BIDS folder; its people 10 to 12 in order are held out. On a CPU everything is small: the VAE of
`tiny` on axial slices of 192 × 192 (MS-SSIM wants more than 160), and its VAE and diffusion model on 64 × 64. What the
paper's sizes would give is not measured here: that takes a GPU.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from braincaption.slicefolder import read_slices, write_slices
from braineval.structural import brain_mask, ms_ssim
from brainldm.config import Config, load_config
from brainldm.generate import Generator, SamplerSettings
from brainldm.latents import encode_slices, read_latents
from brainldm.model_folder import load_vae
from brainldm.nearest import Seen
from brainldm.slices import TRAIN, VALIDATION, Slices, load_slices, to_float
from brainldm.train_ldm import train_ldm
from brainldm.train_vae import train_vae

TRAINING_PEOPLE = 9
PAPER_MS_SSIM = 0.977  # on its own 10,000 test slices of 256 × 256: other people, other data
DRAWN = 48
BATCH = 4


def slices(cohort: Path, work: Path, size: int) -> Path:
    """Return a slice folder of the cohort's axial slices whose last people are in split validation."""
    out = work / f"slices{size}"
    if (out / "metadata.parquet").exists():
        return out
    if not (work / "captions" / "captions").is_dir():
        brain("caption", "tabulate", cohort, "--out", work / "captions")
        brain("caption", "write", work / "captions")
    drawn = work / f"rendered{size}"
    brain("caption", "render", work / "captions", "--out", drawn, "--plane", "axial", "--size", size, "--fov", 192,
          "--least", 0.2, "--count", 1500)  # fmt: skip
    found = read_slices(drawn)
    people = sorted(found.table["person"].unique())
    training = set(people[:TRAINING_PEOPLE])
    rows = []
    for i, row in enumerate(found.table.drop(columns="file_name").to_dict("records")):
        known = {str(key): value for key, value in row.items() if not pd.isna(value)}
        known["split"] = TRAIN if row["person"] in training else VALIDATION
        rows.append((known, found.image(i)))
    write_slices(out, rows)
    return out


def vae_config(steps: int) -> Config:
    """Return tiny in smaller batches, as a slice has nine times the pixels, trained for `steps`.

    With the structural term at full weight (1.0 for tiny's 0.1) the same VAE did not learn: MS-SSIM 0.09.
    """
    tiny = load_config("tiny")
    return replace(tiny, name="real", vae_training=replace(tiny.vae_training, batch=BATCH, steps=steps))


@torch.no_grad()
def similarity(vae: Any, chosen: Slices, most: int = 120) -> dict[str, Any]:
    """Return mean MS-SSIM of reconstructions, over whole pictures and over the brain only."""
    picked = np.unique(np.linspace(0, len(chosen) - 1, most).astype(int))
    whole, brain_only = [], []
    for part in np.array_split(picked, -(-len(picked) // 8)):
        images = to_float(chosen.pictures[part])
        made = vae.reconstruct(images).clamp(0, 1)
        whole.append(ms_ssim(made, images))
        brain_only.append(ms_ssim(made, images, brain_mask(images)))
    inside = torch.cat(brain_only)
    return {
        "slices": len(picked), "people": int(chosen.table["person"].nunique()),
        "ms_ssim": float(torch.cat(whole).mean()), "ms_ssim_brain": float(inside[inside.isfinite()].mean()),
    }  # fmt: skip


def memorised(folder: Path, work: Path, minutes: float | None) -> dict[str, Any]:
    """Train `tiny` on nine people and return how near its drawings, and unseen people, lie to the training slices."""
    config = load_config("tiny")
    training, held = load_slices(folder, TRAIN, 4), load_slices(folder, VALIDATION, 4)
    if not (work / "latents64" / "config.json").exists():  # once encoded, the VAE stays as it is
        train_vae(training, held, config, 0, work / "vae64", minutes)
        encode_slices(training, work / "vae64", "built-in", 0, work / "latents64")
    steps = train_ldm(read_latents(work / "latents64"), config, 0, work / "model64", minutes)
    seen, model = Seen(read_slices(folder)), Generator(work / "model64")
    picked = np.unique(np.linspace(0, len(held) - 1, DRAWN).astype(int))
    how = SamplerSettings(steps=20, sampler="dpmpp", guidance=config.sampling.guidance, negative="")
    drawn = model.draw(held.table["caption"].iloc[picked].tolist(), range(len(picked)), how)
    real = held.pictures[picked]
    vae: Any = load_vae(work / "vae64")[0]
    with torch.no_grad():
        smooth = (vae.reconstruct(to_float(real)).clamp(0, 1)[:, 0] * 255).round().to(torch.uint8).numpy()
    return {
        "training_slices": len(training), "ldm_steps": steps, "drawn": _distances(seen, drawn),
        "unseen_people": _distances(seen, real), "unseen_people_through_the_vae": _distances(seen, smooth),
    }  # fmt: skip


def _distances(seen: Seen, pictures: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Return quantiles of the root mean square grey difference (0 to 255) to the nearest training slice."""
    found = [seen.nearest(picture).distance for picture in pictures]
    low, middle, high = np.quantile(found, [0.05, 0.5, 0.95])
    return {"n": len(found), "p05": float(low), "median": float(middle), "p95": float(high), "least": min(found)}


def brain(*arguments: object) -> None:
    """Run a `brain` command."""
    subprocess.run([str(Path(sys.executable).with_name("brain")), *map(str, arguments)], check=True)


def main() -> None:
    """Parse the arguments, train, measure, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=700, help="of the VAE on 192 × 192")
    parser.add_argument("--minutes", type=float, help="at most, for each training")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    large, small = (slices(options.cohort, options.work, size) for size in (192, 64))
    training, held = load_slices(large, TRAIN, 4), load_slices(large, VALIDATION, 4)
    begun = time.process_time()
    done = train_vae(training, held, vae_config(options.steps), 0, options.work / "vae192", options.minutes)
    seconds = time.process_time() - begun
    vae = load_vae(options.work / "vae192")[0]
    document = {
        "vae": {
            "size": 192, "channels": [8, 16, 48], "latent": [4, 48, 48], "steps": done, "batch": BATCH,
            "cpu_seconds": seconds, "held_out": similarity(vae, held), "training": similarity(vae, training),
            "paper_ms_ssim_test": PAPER_MS_SSIM,
        },
        "nearest_neighbours": memorised(small, options.work, options.minutes),
        "not_measured": "VAE and LDM of the paper's size (256 × 256, latent 64 × 64 × 1): no GPU was to be had",
        "date": date.today().isoformat(), "machine": "2 cores, CPU only",
    }  # fmt: skip
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
