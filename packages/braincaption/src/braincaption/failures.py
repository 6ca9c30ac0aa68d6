"""Broken scans in, ``OUT/logs/failed.tsv`` and one closing error out: the record a repaired run starts from."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from braincaption.atomic import atomic_path
from braincaption.errors import PartialFailure

COLUMNS = ("stage", "id", "message")


@dataclass
class FailureLog:
    """Collect what failed in one stage, keep what other stages recorded, and say so at the end.

    Parameters
    ----------
    out : Path
        Output folder of the package; the table is ``out/logs/failed.tsv``.
    stage : str
        Name of the command that runs ("strip", "register", …). Its earlier rows are replaced by this run's.

    Examples
    --------
    >>> import tempfile
    >>> log = FailureLog(Path(tempfile.mkdtemp()), "strip")
    >>> log.add("cohort_sub-01_T1w", "sub-01_T1w.nii.gz is truncated: download it again")
    >>> log.close()
    Traceback (most recent call last):
    ...
    braincaption.errors.PartialFailure: 1 failed, the rest is done:
      cohort_sub-01_T1w: sub-01_T1w.nii.gz is truncated: download it again
    They stand in logs/failed.tsv; repair them and run the same command again.
    """

    out: Path
    stage: str
    rows: list[tuple[str, str]] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """Where the table stands."""
        return self.out / "logs" / "failed.tsv"

    def add(self, identifier: str, message: str) -> None:
        """Record that `identifier` failed with `message` (kept on one line)."""
        self.rows.append((identifier, " ".join(message.split())))

    def close(self, cohorts: Collection[str] | None = None) -> None:
        """Write the table (or remove it when nothing failed in any stage) and raise when something failed here.

        Parameters
        ----------
        cohorts : collection of str, optional
            Cohorts that this run worked on: what the stage recorded of others stays. All when None.
        """
        kept = [row for row in read_failures(self.out) if row[0] != self.stage or _elsewhere(row[1], cohorts)]
        table = kept + [(self.stage, *row) for row in sorted(self.rows)]
        if table:
            with atomic_path(self.path) as aside, aside.open("w", newline="", encoding="utf-8") as handle:
                writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
                writer.writerow(COLUMNS)
                writer.writerows(table)
        else:
            self.path.unlink(missing_ok=True)
        if self.rows:
            listed = "\n".join(f"  {identifier}: {message}" for identifier, message in sorted(self.rows))
            raise PartialFailure(
                f"{len(self.rows)} failed, the rest is done:\n{listed}\n"
                "They stand in logs/failed.tsv; repair them and run the same command again."
            )


def _elsewhere(identifier: str, cohorts: Collection[str] | None) -> bool:
    cohort, is_scan, _ = identifier.partition("_sub-")
    return cohorts is not None and bool(is_scan) and cohort not in cohorts


def read_failures(out: Path) -> list[tuple[str, str, str]]:
    """Return the (stage, id, message) rows that earlier runs left in ``out/logs/failed.tsv``."""
    path = out / "logs" / "failed.tsv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as handle:
        return [(row["stage"], row["id"], row["message"]) for row in csv.DictReader(handle, delimiter="\t")]
