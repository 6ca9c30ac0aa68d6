"""Two random sets of 2,048 features in, seconds and peak memory of our Fréchet distance, torchmetrics' and MONAI's out.

    python benchmarks/eval/bench_speed.py --n 10000 --features 2048

Each way runs in a process of its own, after once running on a few numbers, so that importing is not timed; memory is
the process's peak beyond what it held with the features loaded.
"""

from __future__ import annotations

import argparse
import datetime
import json
import multiprocessing
import os
import platform
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

WAYS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {}


def way(function: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[np.ndarray, np.ndarray], float]:
    """Register a way under its function's name."""
    WAYS[function.__name__] = function
    return function


@way
def braineval(first: np.ndarray, second: np.ndarray) -> float:
    """Moments by running sums, then eigenvalues."""
    from braineval.frechet import feature_distance

    return feature_distance(first, second)


@way
def braineval_distance_alone(first: np.ndarray, second: np.ndarray) -> float:
    """As `braineval`, but only the distance of given moments is timed."""
    from braineval.frechet import feature_moments, frechet_distance

    moments = feature_moments(first), feature_moments(second)
    start, busy = time.perf_counter(), time.process_time()
    value = frechet_distance(*moments)
    SPENT.update(seconds=time.perf_counter() - start, cpu_seconds=time.process_time() - busy)
    return value


@way
def torchmetrics(first: np.ndarray, second: np.ndarray) -> float:
    """FrechetInceptionDistance fed with the features themselves."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Identity(torch.nn.Module):
        num_features = first.shape[1]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)

    metric = FrechetInceptionDistance(feature=Identity(), normalize=True, input_img_size=(1, 1, first.shape[1]))
    metric.set_dtype(torch.float64)
    metric.orig_dtype = torch.float64
    for side, real in ((first, True), (second, False)):
        features = torch.from_numpy(side).double()
        # The metric's own update would turn pictures to bytes; these are its sums, as it keeps them.
        name = "real" if real else "fake"
        setattr(metric, f"{name}_features_sum", features.sum(dim=0))
        setattr(metric, f"{name}_features_cov_sum", features.T @ features)
        setattr(metric, f"{name}_features_num_samples", torch.tensor(len(features)))
    return float(metric.compute())


@way
def monai(first: np.ndarray, second: np.ndarray) -> float:
    """FIDMetric on the features, a matrix square root inside."""
    from monai.metrics import FIDMetric

    return float(FIDMetric()(torch.from_numpy(first).double(), torch.from_numpy(second).double()))


SPENT: dict[str, float] = {}


def features(n: int, d: int, seed: int) -> np.ndarray:
    """Correlated features with a falling spectrum, shape (n, d), float32."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).standard_normal((d, d)) / np.sqrt(d) * np.linspace(2, 0.1, d)
    return np.asarray(rng.standard_normal((n, d)) @ mixing + 0.05 * seed, dtype=np.float32)


def measure(name: str, paths: tuple[Path, Path], queue: multiprocessing.Queue[dict[str, object]]) -> None:
    """Run one way and put its seconds, peak memory and value into the queue."""
    warnings.simplefilter("ignore")  # torchmetrics misses its update, whose sums it is given directly
    WAYS[name](features(64, 8, 0), features(64, 8, 1))
    sides = np.load(paths[0]), np.load(paths[1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, busy = time.perf_counter(), time.process_time()
    value = WAYS[name](*sides)
    spent = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - busy, **SPENT}
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    queue.put({"way": name, "value": value, **{k: round(v, 2) for k, v in spent.items()}, "extra_mib": round(peak)})


def run(name: str, paths: tuple[Path, Path]) -> dict[str, object]:
    """Return the row of one way, measured in a process of its own."""
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[dict[str, object]] = context.Queue()
    process = context.Process(target=measure, args=(name, paths, queue))
    process.start()
    row = queue.get()
    process.join()
    print(row, flush=True)
    return row


def main() -> None:
    """Run all ways one after the other and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--way", action="append", choices=sorted(WAYS))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("speed.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        paths = Path(work) / "first.npy", Path(work) / "second.npy"
        for seed, path in enumerate(paths):
            np.save(path, features(given.n, given.features, seed))
        rows = [run(name, paths) for name in given.way or WAYS]
    record = {
        "command": f"python benchmarks/eval/bench_speed.py --n {given.n} --features {given.features}",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, CPU only, load at the end {os.getloadavg()[0]:.1f}",
        "date": datetime.date.today().isoformat(),
        "rows": rows,
    }
    given.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
