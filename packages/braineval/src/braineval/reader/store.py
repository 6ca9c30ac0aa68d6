"""Answers of readers in, the same answers after a reload or a restart out: one Parquet file a reader, always whole."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from braineval.reader.plan import Step

ANSWERS = pa.schema(
    [
        pa.field("reader", pa.string(), nullable=False),
        pa.field("item", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("shown", pa.string(), nullable=False),  # real, generated, or both from left to right
        pa.field("rows", pa.list_(pa.int64()), nullable=False),  # of the slices in their folders
        pa.field("answer", pa.int64(), nullable=False),
        pa.field("truth", pa.int64()),
        pa.field("seconds", pa.float64(), nullable=False),  # from the question's appearance to its answer
    ]
)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


class Store:
    """The folder where answers lie.

    Parameters
    ----------
    out : Path
    clock : callable
        Seconds since the epoch; a test passes another one.
    """

    def __init__(self, out: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = out / "readers"
        self._clock = clock
        self._lock = threading.Lock()

    def readers(self) -> list[str]:
        """Return the names of all readers who have answered."""
        return sorted(path.stem for path in self._folder.glob("*.parquet"))

    def answers(self, reader: str) -> list[dict[str, Any]]:
        """Return a reader's answers in the order they were given."""
        path = self._folder / f"{checked(reader)}.parquet"
        return pq.read_table(path, schema=ANSWERS).to_pylist() if path.is_file() else []

    def add(self, reader: str, step: Step, answer: int) -> None:
        """Keep one answer; a step that has one keeps it."""
        with self._lock:
            rows = self.answers(reader)
            if any(row["item"] == step.item for row in rows):
                return
            shown = self._times(reader).get(step.item, self._clock())
            rows.append(
                {
                    "reader": reader,
                    "item": step.item,
                    "kind": step.kind,
                    "shown": " ".join(picture.side for picture in step.pictures),
                    "rows": [picture.row for picture in step.pictures],
                    "answer": answer,
                    "truth": step.truth,
                    "seconds": round(self._clock() - shown, 3),
                }
            )
            with atomic_path(self._folder / f"{reader}.parquet") as aside:
                pq.write_table(pa.Table.from_pylist(rows, schema=ANSWERS), aside)

    def show(self, reader: str, step: Step) -> None:
        """Remember when a question, and with it its part, was first shown."""
        with self._lock:
            times = self._times(reader)
            if step.item in times:
                return
            times = {step.item: self._clock(), **times}
            times.setdefault(f"part-{step.part}", times[step.item])
            with atomic_path(self._folder / f"{checked(reader)}.json") as aside:
                aside.write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")

    def seconds_left(self, reader: str, part: int, minutes: float) -> float:
        """Return how much of a part's time is left; all of it before its first question."""
        began = self._times(reader).get(f"part-{part}")
        return 60 * minutes if began is None else 60 * minutes - (self._clock() - began)

    def _times(self, reader: str) -> dict[str, float]:
        path = self._folder / f"{checked(reader)}.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def checked(reader: str) -> str:
    """Return a reader's name, refused unless it is one that a file may bear."""
    if not _NAME.fullmatch(reader):
        raise UsageError(f"{reader!r} is no reader's name: give 1 to 32 letters, digits, - or _")
    return reader
