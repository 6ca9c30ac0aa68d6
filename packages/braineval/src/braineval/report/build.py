"""Real and generated folders in, ``report.json``, ``report.md`` and ``report.html`` out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from braincaption.atomic import atomic_path
from braineval import metrics
from braineval.report import sections
from braineval.report.markdown import markdown
from braineval.report.outcome import Outcome, outcomes
from braineval.report.page import page
from braineval.report.parts import Fact, Section
from braineval.score import Score
from braineval.settings import DEFAULTS, Settings
from braineval.slices import Slices, open_slices

PAGE = "report.html"
TITLE = "How near are the generated slices to real ones?"
INTRO = "Every number stands beside the same number between real slices: a score means little without its floor."


def build(
    real: Path,
    generated: Mapping[str, Path],
    out: Path,
    *,
    settings: Settings = DEFAULTS,
    chosen: Sequence[str] | None = None,
    title: str = TITLE,
    intro: str = INTRO,
    facts: Sequence[Fact] = (),
    before: Sequence[Section] = (),
    after: Sequence[Section] = (),
) -> Path:
    """Score every folder of `generated` against `real` and write the report.

    Parameters
    ----------
    real : Path
        Slice folder or dataset folder.
    generated : mapping of str to Path
        Folder by the name it is shown under. One whose slices all share keys with `real`, and that names no sampling
        steps, is shown as reconstructions.
    out : Path
        Folder for the three files.
    settings : Settings
    chosen : sequence of str, optional
        Metrics; all when None.
    title, intro : str
        Head of the page.
    facts : sequence of Fact
        Numbers in large type under it, before those of the scores.
    before, after : sequence of Section
        Sections of the caller's own, before the scores and after the pictures.

    Returns
    -------
    Path
        The HTML page.

    Raises
    ------
    UsageError
        A folder cannot be read.
    """
    real_slices = open_slices(real)
    folders = {name: open_slices(folder) for name, folder in generated.items()}
    results = outcomes(real_slices, folders, chosen or metrics.names(), settings)
    sampled = [name for name, made in folders.items() if not is_reconstruction(real_slices, made)]
    curves = [section for section in (sections.by_number(results),) if section]
    shown = [*curves, *_pictures(real_slices, folders, results), *after]
    ends = (sections.by_structure(results), sections.not_defined(results), sections.protocol(_by_model(results)))
    tail = [section for section in ends if section]
    made = {
        "report.json": _json(results),
        "report.md": markdown(title, results),
        PAGE: page(title, intro, [*facts, *_facts(results, sampled)], list(before), results, [*shown, *tail]),
    }
    for name, text in made.items():
        with atomic_path(out / name) as aside:
            aside.write_text(text, encoding="utf-8")
    return out / PAGE


def is_reconstruction(real: Slices, made: Slices) -> bool:
    """Tell whether every slice of `made` has the key of a real one and none was sampled from a prompt."""
    sampled = any(value is not None for value in made.column("steps"))
    return not sampled and set(made.keys()) <= set(real.keys())


def _pictures(real: Slices, folders: Mapping[str, Slices], results: Sequence[Outcome]) -> list[Section]:
    shown = []
    for name, made in folders.items():
        if is_reconstruction(real, made):
            shown.append(sections.reconstructions(real, made, _found(results, name, "ssim")))
        else:
            title = "Generations by contrast" + (f": {name}" if len(folders) > 1 else "")
            shown.append(sections.by_contrast(made, _found(results, name, "contrast-accuracy"), title))
            copies = _found(results, name, "memorisation")
            if copies is not None:
                shown.append(sections.neighbours(real, made, copies))
    return shown


def _found(results: Sequence[Outcome], model: str, metric: str) -> Score | None:
    return next((result.score for result in results if (result.model, result.metric) == (model, metric)), None)


def _by_model(results: Sequence[Outcome]) -> dict[str, list[Score]]:
    found: dict[str, list[Score]] = {}
    for result in results:
        if result.score is not None:
            found.setdefault(result.model, []).append(result.score)
    return found


def _facts(results: Sequence[Outcome], sampled: Sequence[str]) -> list[Fact]:
    """Return the contrast accuracy of every folder that was sampled from prompts, and the judge's own."""
    facts = []
    for result in results:
        score = result.score
        if score is not None and result.metric == "contrast-accuracy" and result.model in sampled:
            right = round(score.value * score.n_generated)
            facts.append(Fact(value=f"{right} of {score.n_generated}", label=f"{result.model}: contrast as asked"))
            judge = Fact(value=f"{score.floor.people or 0:.1%}", label="the judge is right on people it has not seen")
            facts = [*(fact for fact in facts if fact != judge), judge]
    return facts


def _json(results: Sequence[Outcome]) -> str:
    record: dict[str, dict[str, list[object]]] = {}
    for result in results:
        entry = record.setdefault(result.model, {"scores": [], "not_defined": []})
        if result.score is not None:
            entry["scores"].append(result.score.as_dict())
        else:
            entry["not_defined"].append({"metric": result.metric, "because": result.reason})
    return json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
