"""Answers of all readers in, what a study found with its intervals out: accuracy, quality, agreement, F1 of grades."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from braincaption.atomic import atomic_path
from braineval.reader.scale import Scale
from braineval.resample import wilson

RESULTS = pa.schema(
    [
        pa.field("reader", pa.string(), nullable=False),  # "A and B" for agreement
        pa.field("measure", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("n", pa.int64(), nullable=False),
        pa.field("interval", pa.string(), nullable=False),
    ]
)
DRAWS = 1000
Answers = Sequence[dict[str, Any]]
Ints = npt.NDArray[np.int64]


def results(answers: Mapping[str, Answers], scale: Scale | None, seed: int) -> list[dict[str, Any]]:
    """Return the rows of `RESULTS`.

    Parameters
    ----------
    answers : mapping
        Reader → rows of `braineval.reader.store.ANSWERS`.
    scale : Scale, optional
    seed : int
        Of the bootstrap over questions.

    Notes
    -----
    Shares have Wilson's interval over questions, all else the percentile bootstrap over questions.
    """
    rows: list[dict[str, Any]] = []
    for reader, given in answers.items():
        rows += _shares(reader, given) + _quality(reader, given, seed)
    for first, second in combinations(sorted(answers), 2):
        rows += _agreement(first, second, answers, seed)
    return rows + _grades(answers, scale, seed)


def write_results(rows: list[dict[str, Any]], path: Path) -> None:
    """Write the rows as Parquet."""
    with atomic_path(path) as aside:
        pq.write_table(pa.Table.from_pylist(rows, schema=RESULTS), aside)


def kappa(first: Ints, second: Ints, classes: int, weighted: bool = False) -> float:
    """Return Cohen's κ, with quadratic weights where classes are grades (Cohen 1968); NaN where all is one class.

    Examples
    --------
    >>> kappa(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2)
    0.5
    """
    table = np.zeros((classes, classes))
    np.add.at(table, (first, second), 1 / max(len(first), 1))
    apart = np.subtract.outer(np.arange(classes), np.arange(classes))
    weights = apart**2.0 if weighted else (apart != 0).astype(float)
    expected = float((weights * np.outer(table.sum(axis=1), table.sum(axis=0))).sum())
    return 1 - float((weights * table).sum()) / expected if expected > 0 else float("nan")


def f1_of(grade: int, found: Ints, truth: Ints) -> float:
    """Return the F1 of one grade; NaN where it occurs on neither side."""
    both = int(((found == grade) & (truth == grade)).sum())
    either = int((found == grade).sum() + (truth == grade).sum())
    return 2 * both / either if either else float("nan")


def _shares(reader: str, given: Answers) -> list[dict[str, Any]]:
    singles = [row for row in given if row["kind"] == "single"]
    pairs = [row for row in given if row["kind"] == "pair"]
    synthetic = [row for row in singles if row["shown"] == "generated"]
    real = [row for row in singles if row["shown"] == "real"]
    counted = (
        ("accuracy of single slices", [row["answer"] == row["truth"] for row in singles]),
        ("synthetic slices found", [row["answer"] == 1 for row in synthetic]),
        ("real slices called synthetic", [row["answer"] == 1 for row in real]),
        ("accuracy of forced choice", [row["answer"] == row["truth"] for row in pairs]),
    )
    rows = []
    for measure, hits in counted:
        if hits:
            share = sum(hits) / len(hits)
            rows.append(_row(reader, measure, share, wilson(share, len(hits)), len(hits), "Wilson"))
    return rows


def _quality(reader: str, given: Answers, seed: int) -> list[dict[str, Any]]:
    rows = []
    for side, words in (("real", "real"), ("generated", "synthetic")):
        values = np.array([row["answer"] for row in given if row["kind"] == "quality" and row["shown"] == side])
        if len(values):

            def of(drawn: Ints, a: Ints = values) -> float:
                return float(a[drawn].mean())

            interval = _bootstrap(of, len(values), seed)
            rows.append(_row(reader, f"quality of {words} slices", values.mean(), interval, len(values), "bootstrap"))
    return rows


def _agreement(first: str, second: str, answers: Mapping[str, Answers], seed: int) -> list[dict[str, Any]]:
    rows = []
    for kind, measure, weighted in (
        ("single", "kappa of real or synthetic", False),
        ("pair", "kappa of forced choice", False),
        ("quality", "weighted kappa of quality", True),
        ("grade", "weighted kappa of grades", True),
    ):
        sides = [
            {row["item"]: _comparable(row) for row in answers[one] if row["kind"] == kind} for one in (first, second)
        ]
        items = sorted(set(sides[0]) & set(sides[1]))
        if items:
            one, other = (np.array([side[item] for item in items], dtype=np.int64) for side in sides)
            classes = int(max(one.max(), other.max())) + 1

            def of(drawn: Ints, a: Ints = one, b: Ints = other, c: int = classes, w: bool = weighted) -> float:
                return kappa(a[drawn], b[drawn], c, w)

            everything = np.arange(len(items))
            interval = _bootstrap(of, len(items), seed)
            rows.append(_row(f"{first} and {second}", measure, of(everything), interval, len(items), "bootstrap"))
    return rows


def _comparable(row: dict[str, Any]) -> int:
    # Sides differ between readers: what they agree on is which slice of the pair is real.
    return int(row["answer"] == row["truth"]) if row["kind"] == "pair" else int(row["answer"])


def _grades(answers: Mapping[str, Answers], scale: Scale | None, seed: int) -> list[dict[str, Any]]:
    if scale is None:
        return []
    graded = {name: {r["item"]: r for r in given if r["kind"] == "grade"} for name, given in answers.items()}
    true = {item: row["answer"] for item, row in graded.get(scale.reference_reader, {}).items()}
    rows = []
    for reader, found in graded.items():
        if reader == scale.reference_reader:
            continue
        against = true or {item: row["truth"] for item, row in found.items() if row["truth"] is not None}
        items = sorted(set(found) & set(against))
        if not items:
            continue
        one = np.array([found[item]["answer"] for item in items])
        other = np.array([against[item] for item in items])
        for grade in range(len(scale.grades)):

            def of(drawn: Ints, a: Ints = one, b: Ints = other, g: int = grade) -> float:
                return f1_of(g, a[drawn], b[drawn])

            value, interval = of(np.arange(len(items))), _bootstrap(of, len(items), seed)
            rows.append(_row(reader, f"F1 of {scale.name} {grade}", value, interval, len(items), "bootstrap"))
    return rows


def _bootstrap(statistic: Callable[[Ints], float], n: int, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    drawn = np.array([statistic(rng.integers(n, size=n)) for _ in range(DRAWS)])
    known = drawn[np.isfinite(drawn)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return float(low), float(high)


def _row(reader: str, measure: str, value: float, interval: tuple[float, float], n: int, kind: str) -> dict[str, Any]:
    low, high = (None if np.isnan(bound) else float(bound) for bound in interval)
    known = None if np.isnan(value) else float(value)
    return {"reader": reader, "measure": measure, "value": known, "low": low, "high": high, "n": n, "interval": kind}
