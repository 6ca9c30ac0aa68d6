"""Parts of a script's work in, the wall and CPU seconds of each out: kept in its folder, over all of its runs."""

from __future__ import annotations

import fcntl
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypedDict

import psutil

from braincaption.atomic import atomic_path

KEPT = "spent.json"
EVERY_S = 5.0


class Part(TypedDict):
    """Seconds of one part, and whether it once came to its end."""

    wall: float
    cpu: float
    ended: bool


class Spent:
    """Wall and CPU seconds of each part of a script's work, those of child processes included.

    A run that is killed has written its seconds down, but for the last few; the run that goes on adds its own. Several
    runs may work in one folder at once.

    Parameters
    ----------
    work : Path
        Folder that the script works in.
    every_s : float
        How often the seconds of a part under way are written down.
    """

    def __init__(self, work: Path, every_s: float = EVERY_S) -> None:
        self.kept, self.every_s = work / KEPT, every_s

    @property
    def seconds(self) -> dict[str, dict[str, int]]:
        """Whole seconds of every part so far, ``{"wall": …, "cpu": …}``, for the record of the run."""
        return {name: {"wall": round(one["wall"]), "cpu": round(one["cpu"])} for name, one in self._read().items()}

    @contextmanager
    def part(self, name: str, *results: Path) -> Iterator[None]:
        """Add the seconds of what is done here to those of `name`, unless it was finished before and is only looked at.

        Parameters
        ----------
        name : str
        *results : Path
            Files that the part writes last, such as weights. The part was finished before if it once came to its end
            and they are all there; it is only looked at if none of them has changed in the end.
        """
        before = _digests(results)
        finished = self._ended(name, bool(results)) and None not in before
        watch, ended = _Watch(), False
        try:
            with nullcontext() if finished else self._written_down(name, watch):
                yield
            ended = True
        finally:
            if not finished or _digests(results) != before:
                self._add(name, watch, ended)

    def _ended(self, name: str, has_results: bool) -> bool:
        # Results without a record were made where no seconds were kept. A look is not what they took: it is better to
        # state none.
        known = self._read().get(name)
        return has_results if known is None else known["ended"]

    @contextmanager
    def _written_down(self, name: str, watch: _Watch) -> Iterator[None]:
        """Write the seconds down now and then, as a process that is killed cannot."""
        over = threading.Event()

        def write() -> None:
            while not over.wait(self.every_s):
                self._add(name, watch)

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        try:
            yield
        finally:
            over.set()
            writer.join()

    def _add(self, name: str, watch: _Watch, ended: bool = False) -> None:
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        with self.kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            parts = self._read()
            earlier = parts.get(name, Part(wall=0.0, cpu=0.0, ended=False))
            wall, cpu = watch.since_last()
            parts[name] = Part(wall=earlier["wall"] + wall, cpu=earlier["cpu"] + cpu, ended=earlier["ended"] or ended)
            with atomic_path(self.kept) as aside:
                aside.write_text(json.dumps(parts, indent=1), encoding="utf-8")

    def _read(self) -> dict[str, Part]:
        return json.loads(self.kept.read_text(encoding="utf-8")) if self.kept.is_file() else {}


class _Watch:
    """Wall and CPU seconds since it was last asked."""

    def __init__(self) -> None:
        self.last = (time.monotonic(), _cpu_seconds())

    def since_last(self) -> tuple[float, float]:
        """Return both, and begin anew."""
        now, last = (time.monotonic(), _cpu_seconds()), self.last
        self.last = now
        return now[0] - last[0], now[1] - last[1]


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and of all that it started, whether they have ended or not."""
    own, total = psutil.Process(), 0.0
    for process in (*own.children(recursive=True), own):
        with suppress(psutil.Error):  # it has ended since, and its parent has its seconds
            total += sum(process.cpu_times()[:4])  # user, system, and both of the children waited for
    return total


def _digests(results: Sequence[Path]) -> list[str | None]:
    """Return what tells the contents of each file, None where there is none."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None for path in results]
