"""An OUT of braincaption in, a slice folder out: chosen slices drawn, those already there kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from braincaption.failures import FailureLog
from braincaption.outfolder import open_captioned
from braincaption.progress import track
from braincaption.render.choose import choose_slices
from braincaption.render.picture import Painter
from braincaption.render.settings import ChoiceSettings, ViewSettings
from braincaption.render.window import RULE
from braincaption.slicefolder import METADATA, write_slices

ABOUT = "render.json"


def render(source: Path, out: Path, choice: ChoiceSettings, view: ViewSettings) -> int:
    """Draw the chosen slices of `source` into the slice folder `out`; return how many it holds.

    Raises
    ------
    UsageError
        `source` holds no slices, nothing fits the choice, or `out` was drawn with other settings.
    PartialFailure
        Some scans could not be read; the others are drawn. Nothing counts as done: the same command tries them again.
    """
    _check_view(view)
    captioned = open_captioned(source)
    settings: dict[str, object] = {"choice": asdict(choice), "view": asdict(view), "window": RULE}
    _check_settings(out, settings)
    chosen = choose_slices(captioned, choice)
    with atomic_path(out / ABOUT) as aside:
        aside.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    log = FailureLog(out, "render")
    pictures = Painter(captioned, view).pictures(chosen, log.add)
    count = write_slices(out, track(pictures, "Drawing slices", chosen.num_rows), about={"window": RULE})
    log.close()
    return count


def _check_view(view: ViewSettings) -> None:
    if not 8 <= view.size <= 4096:
        raise UsageError(f"--size {view.size}: wanted 8 to 4096 pixels")
    if not 10 <= view.fov_mm <= 1000:
        raise UsageError(f"--fov {view.fov_mm:g}: wanted 10 to 1000 mm")


def _check_settings(out: Path, settings: dict[str, object]) -> None:
    about = out / ABOUT
    if about.is_file():
        if json.loads(about.read_text(encoding="utf-8")) != json.loads(json.dumps(settings)):
            raise UsageError(f"{out} holds slices drawn with other options: give another --out, or delete it")
    elif out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty and not a slice folder of ours: give another --out")


def counted(out: Path) -> dict[str, int]:
    """Return how many slices of each split the slice folder `out` holds."""
    table = pq.read_table(out / METADATA, columns=["split"]).group_by("split").aggregate([("split", "count")])
    return {row["split"]: row["split_count"] for row in table.to_pylist()}
