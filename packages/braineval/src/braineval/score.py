"""A value with its protocol in, the score record of the written contract (JSON) out."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError
from braineval import __version__

# The contract's keys, in its order.
FIELDS = (
    "metric",
    "value",
    "ci95",
    "floor",
    "n_real",
    "n_generated",
    "people_real",
    "people_generated",
    "extractor",
    "extractor_sha256",
    "preprocessing",
    "seed",
    "version",
)


class NotDefinedError(UsageError):
    """A metric has no value on these slices (too small, no weights …); the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What the metric says of real slices against real slices, at the counts that were scored (or as near as can be).

    Attributes
    ----------
    halves : float or None
        Two random, disjoint sets of real slices; people may stand on both sides.
    people : float or None
        Two sets of real slices with no person in common. None: too few people.
    n : tuple of int
        Slices on either side of the floor.
    """

    halves: float | None
    people: float | None
    n: tuple[int, int]

    def as_dict(self) -> dict[str, Any]:
        """Return the floor as it stands in the JSON."""
        return {"halves": _finite(self.halves), "people": _finite(self.people), "n": list(self.n)}


@dataclass(frozen=True, kw_only=True)
class Score:
    """One number one can believe: value, interval, floors, counts and protocol.

    ``details`` (per-class tables, indices of the best and worst slices) serve the report and stay out of the JSON;
    ``higher_is_better`` is None where neither direction is good by itself.
    """

    metric: str
    value: float
    ci95: tuple[float, float] | None
    floor: Floor
    n_real: int
    n_generated: int
    people_real: int
    people_generated: int
    extractor: str | None = None
    extractor_sha256: str | None = None
    preprocessing: str
    seed: int
    version: str = __version__
    higher_is_better: bool | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the contract's keys and nothing else; what is not finite becomes null."""
        record = {name: getattr(self, name) for name in FIELDS}
        record["value"] = _finite(self.value)
        record["ci95"] = None if self.ci95 is None else [_finite(bound) for bound in self.ci95]
        record["floor"] = self.floor.as_dict()
        return record

    def to_json(self) -> str:
        """Return the record as JSON, equal bytes for equal scores."""
        return json.dumps(self.as_dict(), indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write the JSON, whole or not at all."""
        with atomic_path(path) as aside:
            aside.write_text(self.to_json(), encoding="utf-8")

    def line(self) -> str:
        """Return the score as one line for a terminal."""
        interval = "" if self.ci95 is None else f" [{self.ci95[0]:.4g}, {self.ci95[1]:.4g}]"
        floors = ", ".join(
            f"{name} {value:.4g}"
            for name, value in (("halves", self.floor.halves), ("people", self.floor.people))
            if value is not None
        )
        return (
            f"{self.metric} {self.value:.4g}{interval}  real against real: {floors or 'not possible'} "
            f"(n {self.floor.n[0]}, {self.floor.n[1]})  {self.n_real} real slices of {self.people_real} people, "
            f"{self.n_generated} generated"
        )


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
