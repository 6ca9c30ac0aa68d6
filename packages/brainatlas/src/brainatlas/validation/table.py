"""Outcomes in, tables out: one row a structure and scan (TSV), means over structures and scans (JSON, Markdown)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from brainatlas.validation.overlap import Agreement
from brainatlas.validation.trial import Outcome

# FreeSurfer numbers; the inferior lateral ventricles are slivers and are reported apart.
SUBCORTICAL = (10, 11, 12, 13, 17, 18, 26, 49, 50, 51, 52, 53, 54, 58)
INFERIOR_VENTRICLES = (5, 44)
COLUMNS = (
    "transform", "scheme", "method", "scan_id", "label", "name", "dice", "volume_mm3", "true_volume_mm3",
    "volume_error", "mean_distance_mm", "hausdorff95_mm",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Means of one combination over structures, then over scans; None where nothing entered.

    Attributes
    ----------
    dice, dice_subcortical, dice_inferior : float or None
        Without the inferior lateral ventricles; deep grey matter only; these ventricles only.
    worst, best : float
        Lowest and highest Dice (all) of a scan.
    volume_error : float or None
        Mean absolute relative volume error.
    distance_mm, hausdorff95_mm : float or None
        Mean symmetric surface distance and 95 % Hausdorff distance, mm.
    """

    transform: str
    scheme: str
    method: str
    scans: int
    dice: float | None
    dice_subcortical: float | None
    dice_inferior: float | None
    worst: float
    best: float
    volume_error: float | None
    distance_mm: float | None
    hausdorff95_mm: float | None
    seconds: float
    memory_mb: float


def summarise(outcomes: Sequence[Outcome]) -> list[Summary]:
    """Return one summary a combination of transform, scheme and method, best Dice first."""
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.transform, outcome.scheme, outcome.method), []).append(outcome)
    made = [_summary(key, group) for key, group in groups.items()]
    return sorted(made, key=lambda row: (-(row.dice or 0), row.transform, row.scheme, row.method))


def _summary(key: tuple[str, str, str], group: list[Outcome]) -> Summary:
    def mean(value: Callable[[Agreement], float | None], wanted: Callable[[int], bool]) -> float | None:
        scans = [_mean(value(row) for row in outcome.rows if wanted(row.label)) for outcome in group]
        return _mean(scans)

    dice = [_mean(row.dice for row in outcome.rows if _is_main(row.label)) or 0.0 for outcome in group]
    transform, scheme, method = key
    return Summary(
        transform=transform,
        scheme=scheme,
        method=method,
        scans=len(group),
        dice=mean(lambda row: row.dice, _is_main),
        dice_subcortical=mean(lambda row: row.dice, lambda label: label in SUBCORTICAL),
        dice_inferior=mean(lambda row: row.dice, lambda label: label in INFERIOR_VENTRICLES),
        worst=min(dice),
        best=max(dice),
        volume_error=mean(lambda row: None if row.volume_error is None else abs(row.volume_error), _is_main),
        distance_mm=mean(lambda row: row.mean_distance_mm, _is_main),
        hausdorff95_mm=mean(lambda row: row.hausdorff95_mm, _is_main),
        seconds=float(np.median([outcome.seconds for outcome in group])),
        memory_mb=max(outcome.memory_mb for outcome in group),
    )


def _is_main(label: int) -> bool:
    return label not in INFERIOR_VENTRICLES


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def as_tsv(outcomes: Sequence[Outcome], names: dict[int, str]) -> str:
    """Return one row a combination, scan and structure."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    for outcome in outcomes:
        for row in outcome.rows:
            numbers = (
                row.dice, row.volume_mm3, row.true_volume_mm3, row.volume_error, row.mean_distance_mm,
                row.hausdorff95_mm,
            )  # fmt: skip
            key = (outcome.transform, outcome.scheme, outcome.method, outcome.scan_id)
            told = ["n/a" if number is None else f"{number:.6g}" for number in numbers]
            writer.writerow((*key, row.label, names.get(row.label, f"label-{row.label}"), *told))
    return buffer.getvalue()


def as_markdown(summaries: Sequence[Summary], outcomes: Sequence[Outcome], names: dict[int, str]) -> str:
    """Return the summaries as one table, and the Dice of every structure as another."""
    head = (
        "| transform | scheme | fuser | scans | Dice | lowest–highest scan | subcortical | inf. lat. ventricle | "
        "volume error | surface distance, mm | HD95, mm | s a scan | memory, MB |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    rows = [
        f"| {row.transform} | {row.scheme} | {row.method} | {row.scans} | {_told(row.dice)} | {row.worst:.3f}–"
        f"{row.best:.3f} | {_told(row.dice_subcortical)} | {_told(row.dice_inferior)} | {_told(row.volume_error, 2)} | "
        f"{_told(row.distance_mm, 2)} | {_told(row.hausdorff95_mm, 2)} | {row.seconds:.1f} | {row.memory_mb:.0f} |"
        for row in summaries
    ]
    note = (
        "\n\nDice, volume error (relative, absolute) and surface distances are means over structures, then over scans, "
        "without the inferior lateral ventricles; seconds are the median of reading, resampling and fusing on one "
        "thread.\n\n"
    )
    return head + "\n".join(rows) + note + _by_structure(summaries, outcomes, names)


def _by_structure(summaries: Sequence[Summary], outcomes: Sequence[Outcome], names: dict[int, str]) -> str:
    keys = [(row.transform, row.scheme, row.method) for row in summaries]
    values: dict[int, dict[tuple[str, str, str], list[float]]] = {}
    for outcome in outcomes:
        for row in outcome.rows:
            key = (outcome.transform, outcome.scheme, outcome.method)
            values.setdefault(row.label, {}).setdefault(key, []).append(row.dice)
    head = "| structure | " + " | ".join(" ".join(key) for key in keys) + " |\n"
    rule = "|---|" + "---|" * len(keys) + "\n"
    lines = [
        f"| {names.get(label, f'label-{label}')} ({label}) | "
        + " | ".join(_told(_mean(found.get(key, []))) for key in keys)
        + " |"
        for label, found in sorted(values.items())
    ]
    return "Mean Dice of every structure:\n\n" + head + rule + "\n".join(lines) + "\n"


def _told(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
