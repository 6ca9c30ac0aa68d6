"""Slices and scores in, the usual sections of a report out: captions, reconstructions, contrasts, protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from braincaption.lut import load_lut
from braineval.metrics import summary
from braineval.report.curve import Curve, Line
from braineval.report.markdown import number
from braineval.report.outcome import Outcome
from braineval.report.parts import Figure, Group, Section, Table
from braineval.score import Score
from braineval.slices import Slices, pair

CAPTIONED, PER_CONTRAST, SHOWN_PAIRS = 6, 16, 6


def captioned(slices: Slices, count: int = CAPTIONED, title: str = "Slices and their captions") -> Section:
    """Return slices beside their captions, spread evenly over the folder."""
    with_words = np.flatnonzero(slices.column("caption") != np.array(None))
    chosen = with_words[np.linspace(0, len(with_words) - 1, min(count, len(with_words))).round().astype(int)]
    figures = tuple(
        Figure(image=image, caption=str(caption), note=_facts(slices, int(i)))
        for i, image, caption in zip(chosen, slices.images(chosen), slices.column("caption")[chosen], strict=True)
    )
    lead = f"{len(slices)} slices of {slices.people} people; each caption names what the slice shows."
    return Section(title=title, lead=lead, groups=(Group(figures=figures, layout="cards"),))


def reconstructions(real: Slices, made: Slices, score: Score | None = None, count: int = SHOWN_PAIRS) -> Section:
    """Return rows of slice, reconstruction and difference; with a paired score the worst, middle and best ones."""
    left, right = pair(real, made)
    if score is not None:
        ranked = np.argsort(np.asarray(score.details["values"]))
        left, right = np.asarray(score.details["real"])[ranked], np.asarray(score.details["generated"])[ranked]
    places = np.unique(np.linspace(0, len(left) - 1, min(count, len(left))).round().astype(int))
    figures: list[Figure] = []
    for a, b in zip(real.images(left[places]), made.images(right[places]), strict=True):
        difference = np.abs(a.astype(np.int16) - b.astype(np.int16)).astype(np.uint8)
        figures += [
            Figure(image=a, caption="slice"),
            Figure(image=b, caption="reconstruction"),
            Figure(image=difference, caption="difference"),
        ]
    lead = f"{len(left)} pairs." + (f" From the worst to the best by {score.metric}." if score is not None else "")
    return Section(title="Reconstructions", lead=lead, groups=(Group(figures=tuple(figures), layout="strips"),))


def by_contrast(generated: Slices, score: Score | None = None, title: str = "Generations by contrast") -> Section:
    """Return generated slices grouped by the contrast asked for, framed by the classifier's verdict, if any."""
    asked = generated.column("sequence")
    named = score.details["named"] if score is not None else [None] * len(generated)
    groups = []
    for contrast in sorted({str(name) for name in asked if name is not None}):
        members = np.flatnonzero(asked == contrast)
        right = sum(named[i] == contrast for i in members)
        heading = contrast if score is None else f"{contrast}: {right} of {len(members)} recognised"
        chosen = members[:PER_CONTRAST]
        figures = tuple(
            _judged(image, named[int(i)], contrast, _facts(generated, int(i)))
            for i, image in zip(chosen, generated.images(chosen), strict=True)
        )
        groups.append(Group(heading=heading, figures=figures))
    lead = "Every slice in the order of the folder, none selected."
    if score is not None:
        lead += f" {score.preprocessing.split('; ', 1)[-1].capitalize()}."
    return Section(title=title, lead=lead, groups=tuple(groups))


def neighbours(real: Slices, generated: Slices, score: Score, count: int = SHOWN_PAIRS) -> Section:
    """Return generated slices beside their nearest training slices, the nearest pairs first."""
    distance = np.asarray(score.details["distance"])
    ranked = np.argsort(distance)[:count]
    pool = np.asarray(score.details["nearest"])[ranked]
    figures: list[Figure] = []
    for place, row in zip(ranked, pool, strict=True):
        flagged = distance[place] <= score.details["threshold"]
        words = f"distance {distance[place]:.3f}" + (", nearer than unseen people are" if flagged else "")
        figures += [
            Figure(image=generated.images([int(place)])[0], caption="generated", note=words, good=not flagged),
            Figure(image=real.reader.image(int(row)), caption="nearest training slice"),
        ]
    lead = (
        f"The nearest of all {score.n_generated}. A copy is what lies within {score.details['threshold']:.4f}: half "
        "of what slices of unseen people keep from training slices, but for one in a hundred."
    )
    return Section(title="Nearest training slices", lead=lead, groups=(Group(figures=tuple(figures), layout="pairs"),))


def by_number(results: Sequence[Outcome]) -> Section | None:
    """Return distances against the number of slices, beside the same between real slices; None without any."""
    curves = []
    for result in results:
        points = result.score.details.get("curve") if result.score is not None else None
        if result.score is None or not points:
            continue
        lines = [Line(name=result.model, kind="measured", points=tuple((n, value) for n, value, _ in points))]
        floor = tuple((n, value) for n, _, value in points if value is not None)
        if floor:
            lines.append(Line(name="real against real", kind="floor", points=floor))
        heading = f"{result.score.metric} of {result.model}"
        curves.append(Curve(heading=heading, across="slices a side", lines=tuple(lines)))
    if not curves:
        return None
    lead = (
        "Filled: generated against real slices, as many of each. Hollow: real slices against other real ones. A "
        "distance falls with the number of slices even where nothing changes; what stays between the lines is the "
        "difference."
    )
    return Section(title="Distance by number of slices", lead=lead, curves=tuple(curves))


def by_structure(results: Sequence[Outcome]) -> Section | None:
    """Return how volumes agree, structure by structure; None when no metric measured it."""
    tables = []
    for result in results:
        rows = result.score.details.get("by_structure") if result.score is not None else None
        if rows:
            cells = tuple(
                (
                    structure_name(row["label"]),
                    *(number(row[name]) for name in ("dice", "pearson", "icc")),
                    str(row["slices"]),
                )
                for row in rows
            )
            header = (f"{result.metric} of {result.model}", "Dice", "Pearson r", "ICC(2,1)", "slices")
            tables.append(Table(header=header, rows=cells))
    if not tables:
        return None
    lead = "Volumes of each structure, as the segmenter finds them, over the slices where either side shows it."
    return Section(title="Structure by structure", lead=lead, tables=tuple(tables), folded=True)


def structure_name(label: int) -> str:
    """Return label and name in FreeSurfer's numbering, or the label alone where the table has none."""
    lut = load_lut("freesurfer")
    return f"{label} {lut.phrase(label)}" if label in lut else str(label)


def not_defined(results: Sequence[Outcome]) -> Section | None:
    """Return which metrics have no value here, and why; None when all have one."""
    rows = tuple((result.metric, result.model, result.reason) for result in results if result.score is None)
    if not rows:
        return None
    lead = "These metrics have no honest value on these slices. Each says what it would need."
    return Section(
        title="Not defined here", lead=lead, tables=(Table(header=("metric", "of", "because"), rows=rows),), folded=True
    )


def protocol(scores: Mapping[str, Sequence[Score]]) -> Section:
    """Return how every score was made: counts, people, floors' counts, extractor, preprocessing, seed."""
    header = ("metric", "of", "real", "generated", "floor n", "extractor", "preprocessing", "seed")
    rows = tuple(
        (
            score.metric,
            model,
            f"{score.n_real} of {score.people_real} people",
            f"{score.n_generated} of {score.people_generated} people",
            f"{score.floor.n[0]}, {score.floor.n[1]}",
            f"{score.extractor} {(score.extractor_sha256 or '')[:10]}" if score.extractor else "–",
            score.preprocessing,
            str(score.seed),
        )
        for model, made in scores.items()
        for score in made
    )
    lead = (
        "Intervals resample people, not slices. Floors are the same metric between real slices: ☐ two random halves, "
        "◇ two sets without a common person, at the counts given."
    )
    return Section(title="Protocol", lead=lead, tables=(Table(header=header, rows=rows),), folded=True)


def explanation(metric: str) -> str:
    """Return the first line of a metric's docstring."""
    return summary(metric).split("\n", 1)[0]


def _judged(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], named: str | None, asked: str, note: str) -> Figure:
    if named is None:
        return Figure(image=image, note=note)
    words = f"{named} ✓" if named == asked else f"looks like {named}"
    return Figure(image=image, caption=words, note=note, good=named == asked)


def _facts(slices: Slices, i: int) -> str:
    row = slices.reader.table.iloc[int(slices.rows[i])]
    said = [str(row[name]) for name in ("sequence", "plane") if name in row and isinstance(row[name], str)]
    position = row.get("position_mm")
    if position is not None and np.isfinite(float(position)):
        said.append(f"{float(position):+.0f} mm")
    return " · ".join(said)
