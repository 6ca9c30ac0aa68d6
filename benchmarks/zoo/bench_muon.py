"""The weights of TUMSyn's tiny in, seconds of an optimizer step by our Muon and by torch's out, in one run.

    python benchmarks/zoo/bench_muon.py [--rounds 7] [--steps 40] [--threads 1] [--out FILE]

Both take turns. torch's moves one matrix after the other, ours all of one shape in one product.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from brainldm.matrices import Muon, matrices_of
from brainldm.tumsyn.network import Synthesis
from brainldm.tumsyn.settings import load_tumsyn_config

TEXT_WIDTH, RATE, WARM_UP = 64, 0.01, 5


def main() -> None:
    """Time both in turn and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    network = Synthesis(load_tumsyn_config("tiny").synthesis, TEXT_WIDTH)
    weights = matrices_of(network, but=network.decoder.layers[-1])
    matrices = [nn.Parameter(weight.detach().flatten(1).clone()) for weight in weights]
    optimizers: dict[str, Any] = {
        "ours": Muon(weights, RATE),
        "torch": torch.optim.Muon(matrices, lr=RATE, weight_decay=0.0),
    }
    rounds: dict[str, list[float]] = {name: [] for name in optimizers}
    for _ in range(given.rounds):
        for (name, optimizer), those in zip(optimizers.items(), (weights, matrices), strict=True):
            rounds[name].append(seconds(optimizer, those, given.steps))
    found = {name: statistics.median(taken) for name, taken in rounds.items()}
    record = {
        "command": f"python benchmarks/zoo/bench_muon.py --rounds {given.rounds} --threads {given.threads}",
        "machine": f"{os.cpu_count()} cores, CPU only",
        "date": datetime.date.today().isoformat(),
        "matrices": len(weights),
        "shapes": len({(len(one), one[0].numel()) for one in weights}),
        "ms a step, median": {name: round(1000 * one, 2) for name, one in found.items()},
        "times faster": round(found["torch"] / found["ours"], 2),
        "times faster, each round": [
            round(theirs / ours, 2) for ours, theirs in zip(rounds["ours"], rounds["torch"], strict=True)
        ],
    }
    given.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1, ensure_ascii=False))


def seconds(optimizer: torch.optim.Optimizer, weights: list[nn.Parameter], steps: int) -> float:
    """Return the mean seconds of a step with new gradients, after a few that do not count."""
    taken = 0.0
    for step in range(WARM_UP + steps):
        for weight in weights:
            weight.grad = torch.randn_like(weight)
        begun = time.perf_counter()
        optimizer.step()
        taken += time.perf_counter() - begun if step >= WARM_UP else 0.0
    return taken / steps


if __name__ == "__main__":
    main()
