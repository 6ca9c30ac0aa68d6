"""Real label maps in, the captioned slice table of a whole cohort and the run's figures (JSON) out.

201 people × 201 spaces = 40,401 volumes with every slice of their grids, tabulated, captioned within 512 tokens and
written to Parquet with two local workers.

    python benchmarks/caption/full_size.py LABELS --out SCRATCH --people 201 --record benchmarks/caption/full_size.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import threading
import time
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
from moved_people import moved_catalog
from word_pieces import train_word_pieces

from braincaption.captions import CaptionSettings, write_captions
from braincaption.engine import Workers
from braincaption.lut import load_lut
from braincaption.sources import Selection, open_source
from braincaption.tabulate import TabulateSettings, tabulate


def main() -> None:
    """Run tabulate and write, and record the figures."""
    arguments = _arguments()
    labels = sorted(arguments.labels.rglob("*_dseg.nii.gz"))
    tokenizer = train_word_pieces(labels[0], arguments.out / "tokenizer.json")
    catalog = moved_catalog(labels, arguments.people, arguments.out / "source")
    memory = _Memory()
    memory.start()
    workers = Workers(count=arguments.workers)
    source, lut = open_source(catalog, Selection()), load_lut("freesurfer")
    stages = {}
    with _Timed(stages, "tabulate"):
        settings = TabulateSettings(merge=True, all_slices=True)
        report = tabulate(source, arguments.out, lut, settings=settings, workers=workers)
    with _Timed(stages, "write"):
        limit = CaptionSettings(max_tokens=512, tokenizer=str(tokenizer))
        captions = write_captions(arguments.out, settings=limit, workers=workers)
    figures = _figures(arguments, stages, report.rows, captions, memory)
    print(json.dumps(figures, indent=2))
    if arguments.record:
        arguments.record.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path, help="folder of real *_dseg.nii.gz with FreeSurfer numbers")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=201)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--record", type=Path)
    return parser.parse_args()


class _Timed:
    """Wall time, and processor time of the workers that ended meanwhile."""

    def __init__(self, stages: dict[str, dict[str, float]], name: str) -> None:
        self._stages, self._name = stages, name

    def __enter__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _processor_seconds()

    def __exit__(self, *_: object) -> None:
        self._stages[self._name] = {
            "wall_s": round(time.perf_counter() - self._wall, 1),
            "processor_s": round(_processor_seconds() - self._cpu, 1),
        }


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class _Memory(threading.Thread):
    """Largest resident memory of any process below this one, looked at every two seconds (Linux)."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._peak: dict[int, int] = {}
        self._load: list[float] = []

    def run(self) -> None:
        while True:
            for status in Path("/proc").glob("[0-9]*/status"):
                self._look(status)
            self._load.append(os.getloadavg()[0])
            time.sleep(2)

    def _look(self, status: Path) -> None:
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            return
        pid, parent = int(fields["Pid"]), int(fields["PPid"])
        if (pid == os.getpid() or parent == os.getpid() or parent in self._peak) and "VmHWM" in fields:
            self._peak[pid] = max(self._peak.get(pid, 0), int(fields["VmHWM"].split()[0]) * 1024)

    def load(self) -> float:
        """Return the mean load of the machine: above `workers`, others were at work too."""
        return round(sum(self._load) / len(self._load), 1)

    def peak(self) -> dict[str, int]:
        own = self._peak.get(os.getpid(), 0)
        others = [peak for pid, peak in self._peak.items() if pid != os.getpid()]
        return {"main_mib": own >> 20, "largest_worker_mib": max(others, default=0) >> 20}


def _figures(
    arguments: argparse.Namespace, stages: dict[str, dict[str, float]], rows: int, captions: int, memory: _Memory
) -> dict[str, object]:
    wall = sum(stage["wall_s"] for stage in stages.values())
    processor = sum(stage["processor_s"] for stage in stages.values())
    sizes = {name: _bytes(arguments.out / name) for name in ("slices", "captions")}
    over = sum(pq.read_metadata(path).num_rows for path in sorted((arguments.out / "captions").glob("*.parquet")))
    return {
        "command": f"python benchmarks/caption/full_size.py LABELS --out SCRATCH --people {arguments.people}",
        "source": "12 real OASIS-TRT label maps (Mindboggle-101), each person one of them moved by a random affine",
        "seed": 0,
        "people": arguments.people,
        "volumes": arguments.people**2,
        "slices": rows,
        "captions": captions,
        "captions_in_files": over,
        "stages": stages,
        "wall_s": round(wall, 1),
        "wall_minutes": round(wall / 60, 2),
        "slices_per_s_per_core_wall": round(rows / wall / arguments.workers),
        "slices_per_s_per_core_processor": round(rows / processor),
        "bytes": {**sizes, "total": sum(sizes.values())},
        "memory": memory.peak(),
        "mean_load": memory.load(),
        "workers": arguments.workers,
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.platform()}",
        "python": sys.version.split()[0],
        "date": date.today().isoformat(),
    }


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.parquet"))


if __name__ == "__main__":
    main()
