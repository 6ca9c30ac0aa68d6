"""Small networks in, seconds a training step with and without kept memory out: what it brings on a CPU.

    python benchmarks/ldm/memory.py [--rounds 5] [--steps 30] [--threads 2] [--out FILE]

The allocator is told once a process, so every measurement is a process of its own; both ways take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import torch

from brainldm.autoencoder import build_vae
from brainldm.config import load_config
from brainldm.memory import keep_freed_memory
from brainldm.tumsyn.network import Synthesis
from brainldm.tumsyn.settings import load_tumsyn_config

WARM_UP = 5
TEXT_WIDTH = 64


def autoencoder() -> Callable[[], torch.Tensor]:
    """Return a step of the VAE of `tiny`: 16 slices of 64 × 64."""
    network = build_vae(load_config("tiny").vae)
    slices = torch.rand(16, 1, 64, 64)
    return lambda: torch.nn.functional.l1_loss(network(slices)[0], slices)


def tumsyn() -> Callable[[], torch.Tensor]:
    """Return a step of TUMSyn's `tiny`: its batch of patches and points."""
    config = load_tumsyn_config("tiny")
    how = config.training
    network = Synthesis(config.synthesis, TEXT_WIDTH)
    patches = torch.rand(how.batch, 1, how.patch, how.patch, how.patch)
    text, points = torch.rand(how.batch, TEXT_WIDTH), 2 * torch.rand(how.batch, how.queries, 3) - 1
    return lambda: network(patches, text, points).square().mean()


NETWORKS = {"VAE of tiny, 16 slices": autoencoder, "TUMSyn's tiny, 8 patches": tumsyn}


def main() -> None:
    """Measure both ways in turn and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--one", nargs=2, metavar=("NETWORK", "WAY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(*given.one, given.steps, given.threads)))
        return
    rows = {}
    for name in NETWORKS:
        found: dict[str, list[dict[str, float]]] = {"as is": [], "kept": []}
        for _ in range(given.rounds):
            for way, rounds in found.items():
                rounds.append(_of_a_process(name, way, given.steps, given.threads))
        rows[name] = {way: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
                      for way, rounds in found.items()}  # fmt: skip
        rows[name]["times faster"] = {
            "seconds": round(rows[name]["as is"]["seconds"] / rows[name]["kept"]["seconds"], 3)
        }
    record = {
        "command": f"python benchmarks/ldm/memory.py --rounds {given.rounds} --steps {given.steps}",
        "machine": f"{os.cpu_count()} cores, CPU only",
        "threads": given.threads,
        "date": date.today().isoformat(),
        "a step, median of processes": rows,
    }
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


def _of_a_process(name: str, way: str, steps: int, threads: int) -> dict[str, float]:
    words = [sys.executable, __file__, "--one", name, way, "--steps", str(steps), "--threads", str(threads)]
    return dict(json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout))


def measured(name: str, way: str, steps: int, threads: int) -> dict[str, float]:
    """Return seconds and page faults of a step: forward, and backward to every weight."""
    if way == "kept" and not keep_freed_memory():
        raise SystemExit("this C library is not glibc: there is nothing to measure")
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    loss = NETWORKS[name]()
    for _ in range(WARM_UP):
        loss().backward()
    faults, begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter()
    for _ in range(steps):
        loss().backward()
    return {
        "seconds": round((time.perf_counter() - begun) / steps, 5),
        "page faults": round((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults) / steps),
    }


if __name__ == "__main__":
    main()
