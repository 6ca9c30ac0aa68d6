"""A source in: tabulate and write killed with SIGKILL at random, ten times; the final bytes and rows compared (JSON).

python benchmarks/caption/killed.py SOURCE --out SCRATCH --record benchmarks/caption/killed.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

TABLES = ("slices", "captions")


def main() -> None:
    """Run once undisturbed, then with kills, then in other shards; compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--part-size", type=int, default=4)
    parser.add_argument("--lut", default="freesurfer")
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    whole, killed, shards = (arguments.out / name for name in ("whole", "killed", "shards"))
    seconds = [_timed(command) for command in _commands(arguments, whole, "1")]
    kills = _with_kills(arguments, killed, seconds)
    _in_shards(arguments, shards)
    figures = {
        "command": "python benchmarks/caption/killed.py SOURCE --out SCRATCH",
        "kills": kills,
        "parts": len(list((whole / "slices").iterdir())),
        "rows": pq.read_table(whole / "slices").num_rows,
        "bytes_equal_after_kills": all(_digest(whole / name) == _digest(killed / name) for name in TABLES),
        "leftovers": sorted(path.name for path in killed.rglob(".partial-*")),
        "rows_equal_with_three_shards": all(_rows(whole / name) == _rows(shards / name) for name in TABLES),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "date": date.today().isoformat(),
    }
    print(json.dumps(figures, indent=2))
    if arguments.record:
        arguments.record.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _commands(arguments: argparse.Namespace, out: Path, workers: str) -> list[list[str]]:
    brain = [sys.executable, "-m", "braincaption"]
    size = ["--part-size", str(arguments.part_size), "--workers", workers]
    tabulate = [*brain, "tabulate", str(arguments.source), "--out", str(out), "--lut", arguments.lut, *size]
    return [tabulate, [*brain, "write", str(out), "--workers", workers]]


def _timed(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def _with_kills(arguments: argparse.Namespace, out: Path, seconds: list[float]) -> dict[str, int]:
    draw, done = random.Random(0), {"tabulate": 0, "write": 0}
    for number, command in enumerate(_commands(arguments, out, "2")):
        name = command[3]
        while done[name] < arguments.kills // 2:
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
            try:
                process.wait(draw.uniform(0.2, 1.0) * seconds[number])
                _forget(out, name)  # it finished first: take a part away, so that there is work to be killed in
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                done[name] += 1
        subprocess.run(command, check=True, capture_output=True)
    return done


def _forget(out: Path, name: str) -> None:
    for part in sorted((out / ("slices" if name == "tabulate" else "captions")).glob("part-*"))[::2]:
        part.unlink()


def _in_shards(arguments: argparse.Namespace, out: Path) -> None:
    tabulate, write = _commands(arguments, out, "1")
    for number in range(3):
        subprocess.run([*tabulate, "--shard", f"{number}/3"], check=True, capture_output=True)
    subprocess.run(write, check=True, capture_output=True)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("part-*")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _rows(folder: Path) -> object:
    return pq.read_table(folder).combine_chunks()


if __name__ == "__main__":
    main()
