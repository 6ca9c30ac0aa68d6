"""Figures in, a JSON file out that says with which command, seed, machine and date they were measured."""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("brainatlas", "antspyx", "deepbet", "numba", "numpy", "SimpleITK")


def circumstances(seed: int) -> dict[str, Any]:
    """Return command, seed, machine, date and versions; paths of this machine are left out."""
    words = [Path(word).name if word.startswith("/") else word for word in sys.argv]
    if "--note" in words:  # the note stands by itself
        start = words.index("--note")
        del words[start : start + 2]
    return {
        "command": "python benchmarks/atlas/" + " ".join(words).removeprefix("benchmarks/atlas/"),
        "seed": seed,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def write_record(path: Path, figures: dict[str, Any]) -> None:
    """Write figures as indented JSON."""
    path.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
