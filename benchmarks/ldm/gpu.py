"""A config and a GPU in, one JSON out: the speed table of `speed.py`, then training for the minutes that are left.

    python benchmarks/ldm/gpu.py --only paper --minutes 8 --slices SLICES --work WORK --out paper.json --peak-tflops 989

Needs the package, a slice folder of 256×256 pictures and a GPU. It stops by itself; the training keeps its checkpoint
in WORK, and the same command goes on from there. Without --slices it measures speed alone. `--only tiny --size 64` also
runs on a CPU, to see that it works.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from speed import PAPER_SAMPLES, run, ways

from brainldm.autoencoder import downsampling
from brainldm.config import Config, load_config
from brainldm.latents import encode_slices, read_latents
from brainldm.model_folder import read_record
from brainldm.slices import TRAIN, VALIDATION, load_slices
from brainldm.train_ldm import train_ldm
from brainldm.train_vae import train_vae

SPEED_SHARE = 0.4  # of the minutes, for the table; the rest trains


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
    on_gpu = torch.cuda.is_available()
    if not on_gpu and options.only != "tiny":
        raise SystemExit("no GPU: only --only tiny --size 64 runs on a CPU")
    config = load_config(options.only)
    share = SPEED_SHARE if options.slices else 1.0
    rows = len(list(ways(on_gpu)))
    table = run(config, options.size, 170, 60 * options.minutes * share / rows, options.peak_tflops)
    if options.slices:
        table["training"] = steady(config, options.slices, options.work, options.minutes * (1 - share))
        trained = table["training"]["ldm_samples_per_s"]
        table["training"]["hours_for_24000x100"] = PAPER_SAMPLES / trained / 3600 if trained else None
        peak = options.peak_tflops
        done = table["gflop_per_sample"] * trained / 1e3
        table["training"]["share_of_peak"] = done / peak if peak else None
    options.out.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({key: value for key, value in table.items() if key != "rows"}, indent=2))


def steady(config: Config, slices: Path, work: Path, minutes: float) -> dict[str, Any]:
    """Train for `minutes`, encoding included, and return steps and rates; the VAE gets a third until it is done."""
    multiple = downsampling(config.vae)
    end = time.monotonic() + 60 * minutes
    training, held_out = (load_slices(slices, split, multiple) for split in (TRAIN, VALIDATION))
    if not (work / "latents" / "config.json").exists():  # once encoded, the VAE stays as it is
        train_vae(training, held_out, config, 0, work / "vae", minutes / 3)
        encode_slices(training, work / "vae", "built-in", 0, work / "latents")
    vae_steps = read_record(work / "vae").vae_steps
    latents = read_latents(work / "latents")
    before = read_record(work / "model").ldm_steps if (work / "model" / "config.json").exists() else 0
    begun = time.perf_counter()
    after = train_ldm(latents, config, 0, work / "model", max(0.0, end - time.monotonic()) / 60)
    seconds = time.perf_counter() - begun
    return {
        "slices": len(training), "vae_steps": vae_steps, "ldm_steps_before": before, "ldm_steps": after,
        "ldm_seconds_this_run": seconds,  # start, compiling and writing the model included
        "ldm_samples_per_s": (after - before) * config.ldm_training.batch / seconds,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else None,
    }  # fmt: skip


if __name__ == "__main__":
    main()
