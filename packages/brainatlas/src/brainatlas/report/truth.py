"""A folder of label maps in, the one that belongs to a scan of OUT out: by entities and grid, never by order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brainatlas.cohorts.names import BidsName, parse_name, safe_name
from brainatlas.record import Record
from braincaption.errors import ScanError, UsageError
from braincaption.nifti import Volume, load_labels, same_grid


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Label maps below a folder that nobody has shown to the fuser.

    Attributes
    ----------
    maps : tuple of (path, name)
    cohort : str or None
        The cohort of OUT they belong to; None: whichever their entities fit.
    """

    maps: tuple[tuple[Path, BidsName], ...]
    cohort: str | None = None

    def of(self, record: Record, grid: Volume) -> tuple[Volume | None, str]:
        """Return the true labels of a scan, or None and the reason why there are none."""
        if self.cohort is not None and record.place.cohort != self.cohort:
            return None, ""
        name = parse_name(f"{record.place.stem}_{record.place.suffix}.nii.gz")
        fitting = [path for path, other in self.maps if name is not None and _fits(other, name)]
        reason = ""
        for path in fitting:
            try:
                labels = load_labels(path)
            except ScanError as error:
                reason = str(error)
                continue
            if same_grid(labels, grid):
                return labels, ""
            reason = f"the true labels {path.name} lie on another grid than the scan"
        return None, reason


def find_truth(folder: Path, cohorts: set[str]) -> Truth:
    """Collect the label maps (``…_dseg.nii[.gz]``) below `folder`.

    Raises
    ------
    UsageError
        The folder is missing or holds no label map.
    """
    if not folder.is_dir():
        raise UsageError(f"--truth {folder} is no folder: give the folder that holds the true label maps")
    found = [(path, parse_name(path.name)) for path in sorted(folder.rglob("*_dseg.nii*"))]
    maps = tuple((path, name) for path, name in found if name is not None)
    if not maps:
        raise UsageError(f"--truth {folder} holds no file sub-…_dseg.nii.gz: give the folder with the true label maps")
    above = [folder.resolve(), *folder.resolve().parents][:4]
    return Truth(maps=maps, cohort=next((name for path in above if (name := safe_name(path.name)) in cohorts), None))


def _fits(labels: BidsName, scan: BidsName) -> bool:
    # What the labels say of the scan must be so; what they leave out (a run, an acquisition) may be anything.
    said = dict(labels.identity)
    known = dict(scan.identity)
    space = labels.entities.get("space", scan.suffix)
    return all(known.get(key) == value for key, value in said.items()) and space in (scan.suffix, "orig", "individual")
