"""A dataset folder in, what publishing it to a Hub on the loopback takes when it is killed three times (JSON) out.

The command `brain caption publish` runs in a process of its own and is killed (SIGKILL) three times at random moments
while shards are on their way; the fourth run finishes. Afterwards every shard has been uploaded once, and what the
Hub holds equals the folder.

    python benchmarks/caption/publish_million.py DEST --record benchmarks/caption/publish_million.json
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

HUB = Path(__file__).resolve().parents[2] / "tests" / "braincaption" / "dataset" / "hub.py"
REPO = "me/million"
KILLS = 3


def main() -> None:
    """Publish, kill, publish again, compare, and record."""
    arguments = _arguments()
    hub = _hub_module().Hub()
    server = hub.serve()
    shards = sorted(arguments.folder.glob("*/*.parquet"))
    chance = random.Random(arguments.seed)
    marks = sorted(chance.sample(range(1, len(shards) - 1), KILLS))
    started = time.perf_counter()
    killed = [_killed_after(hub, arguments.folder, mark) for mark in marks]
    finished = _publish(hub, arguments.folder)
    finished.wait()
    seconds = time.perf_counter() - started
    figures = _figures(arguments, hub, shards, killed, finished.returncode, seconds)
    server.shutdown()
    print(json.dumps(figures, indent=2))
    if arguments.record:
        arguments.record.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if not (figures["complete"] and figures["each_shard_uploaded_once"] and figures["checksums_equal"]):
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="what `brain caption dataset` wrote")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", type=Path)
    return parser.parse_args()


def _hub_module() -> Any:
    spec = importlib.util.spec_from_file_location("loopback_hub", HUB)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _publish(hub: Any, folder: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_loopback", "HF_HUB_DISABLE_XET": "1"}
    environment.pop("HF_HUB_OFFLINE", None)
    brain = Path(sys.executable).with_name("brain")
    command = [str(brain), "caption", "publish", str(folder), REPO, "--permission", "Sent to a loopback only."]
    return subprocess.Popen(command, env=environment)


def _killed_after(hub: Any, folder: Path, uploads: int) -> int:
    """Run until `uploads` shards have arrived in all, kill, and return how many had arrived then."""
    arrived = threading.Event()
    hub.after_upload = lambda: arrived.set() if len(hub.objects) >= uploads else None
    process = _publish(hub, folder)
    arrived.wait(timeout=600)
    process.send_signal(signal.SIGKILL)
    process.wait()
    hub.after_upload = lambda: None
    return len(hub.objects)


def _figures(
    arguments: argparse.Namespace, hub: Any, shards: list[Path], killed: list[int], code: int, seconds: float
) -> dict[str, Any]:
    files = hub.repos[REPO].files
    paths = {path.relative_to(arguments.folder).as_posix(): path for path in shards}
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}
    return {
        "command": f"python benchmarks/caption/{Path(__file__).name} DEST --seed {arguments.seed}",
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores (shared with other work)",
        "rows": sum(pq.read_metadata(path).num_rows for path in shards),
        "shards": len(shards),
        "bytes": sum(path.stat().st_size for path in shards),
        "killed_when_so_many_had_arrived": killed,
        "exit_of_last_run": code,
        "commits": len(hub.repos[REPO].commits),
        "complete": code == 0 and {name for name in files if name.endswith(".parquet")} == set(paths),
        "each_shard_uploaded_once": all(hub.uploads[digest] == 1 for digest in sums.values()),
        "checksums_equal": all(hashlib.sha256(files[name]).hexdigest() == digest for name, digest in sums.items()),
        "private": hub.repos[REPO].private,
        "seconds_all_runs": round(seconds, 1),
    }


if __name__ == "__main__":
    main()
