"""A config and a GPU in, one JSON out: the speed table of `speed.py`, then training for the minutes that are left.

    python benchmarks/ldm/gpu.py --only paper --minutes 8 --slices SLICES --work WORK --out paper.json --peak-tflops 989

Needs the package, a slice folder of 256×256 pictures and a GPU. It stops by itself; the training keeps its checkpoint
in WORK, and the same command goes on from there. Without --slices it measures speed alone.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from speed import run

from brainldm.autoencoder import downsampling
from brainldm.config import Config, load_config
from brainldm.latents import encode_slices, read_latents
from brainldm.slices import TRAIN, VALIDATION, load_slices
from brainldm.train_ldm import train_ldm
from brainldm.train_vae import train_vae

SPEED_SHARE = 0.4  # of the minutes, for the table; the rest trains
ROWS = 7


def main() -> None:
    """Parse the arguments and measure one config."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("paper", "large", "fast", "tiny"), required=True)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--slices", type=Path)
    parser.add_argument("--work", type=Path, default=Path("gpu_work"))
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--peak-tflops", type=float)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no GPU: python benchmarks/ldm/speed.py --config tiny measures a CPU")
    config = load_config(options.only)
    share = SPEED_SHARE if options.slices else 1.0
    table = run(config, options.size, 170, 60 * options.minutes * share / ROWS, options.peak_tflops)
    if options.slices:
        table["training"] = steady(config, options.slices, options.work, options.minutes * (1 - share))
    options.out.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({key: value for key, value in table.items() if key != "rows"}, indent=2))


def steady(config: Config, slices: Path, work: Path, minutes: float) -> dict[str, Any]:
    """Train VAE and diffusion model for half the minutes each and return their steps and rates."""
    multiple = downsampling(config.vae)
    training, held_out = (load_slices(slices, split, multiple) for split in (TRAIN, VALIDATION))
    begun = time.perf_counter()
    vae_steps = train_vae(training, held_out, config, 0, work / "vae", minutes / 2)
    vae_seconds = time.perf_counter() - begun
    if not (work / "latents" / "config.json").exists():
        encode_slices(training, work / "vae", "built-in", 0, work / "latents")
    begun = time.perf_counter()
    ldm_steps = train_ldm(read_latents(work / "latents"), config, 0, work / "model", minutes / 2)
    return {
        "vae_steps": vae_steps, "vae_seconds_this_run": vae_seconds, "ldm_steps": ldm_steps,
        "ldm_seconds_this_run": time.perf_counter() - begun, "slices": len(training),
    }  # fmt: skip


if __name__ == "__main__":
    main()
