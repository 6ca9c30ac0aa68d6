"""Two slice folders, settings and a folder of answers in, the next question of each reader and the results out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from braineval.reader.plan import Picture, Step, StudySettings, make_steps
from braineval.reader.results import results, write_results
from braineval.reader.scale import Scale
from braineval.reader.store import Store, checked
from braineval.slices import Images, Slices, same_size

STUDY, RESULTS = "study.json", "results.parquet"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a reader stands: the step to answer (None: done), how many of how many before it, seconds left."""

    step: Step | None
    answered: int
    of: int
    seconds_left: float


class Study:
    """A reader study that goes on where it was, whoever reloads or restarts.

    Parameters
    ----------
    real, generated : Slices
    out : Path
        Answers lie in ``readers/``, results in ``results.parquet``.
    settings : StudySettings
    scale : Scale, optional
    store : Store, optional
        Another one in tests.

    Raises
    ------
    UsageError
        Two sizes, too few slices, or `out` holds another study.
    """

    def __init__(
        self,
        real: Slices,
        generated: Slices,
        out: Path,
        settings: StudySettings,
        scale: Scale | None = None,
        store: Store | None = None,
    ) -> None:
        same_size(real, generated)
        self._sides = {"real": real, "generated": generated}
        self._out, self._settings, self._scale = out, settings, scale
        self._store = store or Store(out)
        self._steps = lru_cache(maxsize=None)(self._made)
        self._steps("")  # too few slices are refused before the page opens
        self._check()

    def place(self, reader: str) -> Place:
        """Return where `reader` stands; parts whose time is over are passed by."""
        steps = self._steps(checked(reader))
        answered = {row["item"] for row in self._store.answers(reader)}
        for step in steps:
            left = self._store.seconds_left(reader, step.part, self._settings.minutes)
            if step.item not in answered and left > 0:
                self._store.show(reader, step)
                return Place(step=step, answered=len(answered), of=len(steps), seconds_left=left)
        return Place(step=None, answered=len(answered), of=len(steps), seconds_left=0.0)

    def answer(self, reader: str, item: str, choice: int) -> Place:
        """Keep the answer if `item` is the step that the reader stands at, and return where the reader stands then."""
        step = self.place(reader).step
        if step is not None and step.item == item and 0 <= choice < len(step.choices):
            self._store.add(reader, step, choice)
        after = self.place(reader)
        if after.step is None:
            self.write_results()
        return after

    def picture(self, picture: Picture) -> Images:
        """Return the pixels of a slice, shape (h, w)."""
        return self._sides[picture.side].images([picture.row])[0]

    def write_results(self) -> Path:
        """Write the results of all answers there are."""
        answers = {reader: self._store.answers(reader) for reader in self._store.readers()}
        write_results(results(answers, self._scale, self._settings.seed), self._out / RESULTS)
        return self._out / RESULTS

    def _made(self, reader: str) -> tuple[Step, ...]:
        return make_steps(self._sides["real"], self._sides["generated"], self._settings, self._scale, reader)

    def _check(self) -> None:
        about = {
            "settings": asdict(self._settings),
            "scale": None if self._scale is None else asdict(self._scale),
            "slices": {side: [slices.name, len(slices)] for side, slices in self._sides.items()},
        }
        text = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
        path = self._out / STUDY
        if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != json.loads(text):
            raise UsageError(f"{self._out} holds another study: give its own folders and options, or another --out")
        with atomic_path(path) as aside:
            aside.write_text(text, encoding="utf-8")
