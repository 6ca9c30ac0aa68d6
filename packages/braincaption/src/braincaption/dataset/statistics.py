"""The shards of a dataset folder in, the figures of its card out: rows, people, volumes, sequences, ages, leakage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from braincaption.schema import PLANES

_STACK = 1 << 17  # more than any index: the last slice of a stack is no neighbour of the next stack's first
_COLUMNS = ("volume_id", "image_subject", "cohort", "licence", "sequence", "age", "sex")


Codes = npt.NDArray[np.int64]


@dataclass
class Statistics:
    """Figures of one configuration.

    Attributes
    ----------
    rows : Counter
        By split.
    people : dict
        Person keys by split.
    by : dict
        Rows by value of cohort, sequence, plane, licence and sex.
    ages : dict
        Age of each person.
    structures : Counter
        Slices in which each label appears (configuration ``text``).
    volumes : dict
        Volume ids by split.
    """

    rows: Counter[str] = field(default_factory=Counter)
    people: dict[str, set[str]] = field(default_factory=dict)
    volumes: dict[str, set[str]] = field(default_factory=dict)
    by: dict[str, Counter[str]] = field(default_factory=dict)
    ages: dict[str, float] = field(default_factory=dict)
    structures: Counter[int] = field(default_factory=Counter)
    bytes: int = 0
    files: int = 0


def statistics(folder: Path) -> Statistics:
    """Read the small columns of every shard of one configuration and count."""
    found = Statistics()
    for path in sorted(folder.glob("*.parquet")):
        found.files += 1
        found.bytes += path.stat().st_size
        split = path.name.partition("-")[0]
        with pq.ParquetFile(path) as opened:
            names = set(opened.schema_arrow.names)
            columns = [name for name in (*_COLUMNS, "plane", "structures") if name in names]
            for batch in opened.iter_batches(batch_size=100_000, columns=columns):
                _count(found, split, pa.table(batch))
    return found


def _count(found: Statistics, split: str, table: pa.Table) -> None:
    found.rows[split] += table.num_rows
    found.people.setdefault(split, set()).update(table["image_subject"].unique().to_pylist())
    found.volumes.setdefault(split, set()).update(table["volume_id"].unique().to_pylist())
    for name in ("cohort", "sequence", "plane", "licence", "sex"):
        if name in table.column_names:
            counts = table[name].value_counts().to_pylist()
            found.by.setdefault(name, Counter()).update({str(c["values"] or "unknown"): c["counts"] for c in counts})
    ages = table.select(["image_subject", "age"]).group_by("image_subject").aggregate([("age", "min")])
    for row in ages.to_pylist():
        if row["age_min"] is not None:
            found.ages[row["image_subject"]] = row["age_min"]
    if "structures" in table.column_names:
        labels = table["structures"].combine_chunks().flatten().field("label")
        numbers, counts = np.unique(labels.to_numpy(zero_copy_only=False), return_counts=True)
        found.structures.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))


@dataclass(frozen=True, kw_only=True)
class Leak:
    """How much of the test split a model has seen in training, as shares of the test rows.

    Attributes
    ----------
    person : float
        The image's person has rows in train.
    volume : float
        The same volume has rows in train.
    neighbour : float
        A slice next to it in the same volume is in train.
    """

    person: float
    volume: float
    neighbour: float


def leak(folder: Path) -> Leak:
    """Measure how much the test split of a configuration overlaps with train."""
    codes: dict[str, int] = {}
    people, volumes, keys = _keys(folder, "train", codes)
    test_people, test_volumes, test_keys = _keys(folder, "test", codes)
    beside = np.isin(test_keys - 1, keys) | np.isin(test_keys + 1, keys)
    return Leak(
        person=_share(np.isin(test_people, people)),
        volume=_share(np.isin(test_volumes, volumes)),
        neighbour=_share(beside),
    )


def _share(seen: npt.NDArray[np.bool_]) -> float:
    return float(seen.mean()) if seen.size else 0.0


def _keys(folder: Path, split: str, codes: dict[str, int]) -> tuple[Codes, Codes, Codes]:
    """Return person, volume and slice of every row of a split as numbers; slices of one stack follow each other."""
    people, volumes, keys = [], [], []
    for path in sorted(folder.glob(f"{split}-*.parquet")):
        with pq.ParquetFile(path) as opened:
            stacked = "plane" in opened.schema_arrow.names
            names = ["image_subject", "volume_id", *(("plane", "index") if stacked else ())]
            table = opened.read(columns=names)
        volumes.append(_coded(table["volume_id"], codes))
        people.append(_coded(table["image_subject"], codes))
        plane = pc.index_in(table["plane"], pa.array(PLANES)).to_numpy() if stacked else 0
        index = table["index"].to_numpy().astype(np.int64) if stacked else 0
        keys.append((volumes[-1] * len(PLANES) + plane) * _STACK + index)
    empty = [np.empty(0, dtype=np.int64)]
    return tuple(np.concatenate(found or empty) for found in (people, volumes, keys))  # type: ignore[return-value]


def _coded(column: pa.ChunkedArray, codes: dict[str, int]) -> Codes:
    encoded = column.combine_chunks().dictionary_encode()
    numbers = [codes.setdefault(name, len(codes)) for name in encoded.dictionary.to_pylist()]
    return np.asarray(np.array(numbers, dtype=np.int64)[encoded.indices.to_numpy()])
