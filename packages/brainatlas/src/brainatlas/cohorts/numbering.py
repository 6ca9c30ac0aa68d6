"""The ids of a label map in, the table they belong to out: MUSE 4 is not FreeSurfer 4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from brainatlas.cohorts.model import Cohort
from brainatlas.cohorts.people import column, read_table
from braincaption.errors import ScanError, UsageError
from braincaption.nifti import load_labels

# Ids that label maps of each table hold (not every id that the table could name). FreeSurfer: aseg, wmparc, aparc and
# its 2009 variant; MUSE: the regions of Doshi et al. 2016, doi:10.1016/j.neuroimage.2015.11.073.
_FREESURFER = frozenset(
    [*range(2, 9), *range(10, 20), *range(24, 33), *range(40, 65), 72, 77, 78, 79, 80, 85, 91, 92]
    + [*range(250, 256), *range(630, 633), 5001, 5002]
    + [base + parcel for base in (1000, 2000, 3000, 4000) for parcel in range(36)]
    + [base + parcel for base in (11100, 12100, 13100, 14100) for parcel in range(76)]
)
_MUSE = frozenset(
    [
        *(1, 4, 11, 23, 30, 31, 32, 69, 71, 72, 73, 75, 76, 128, 129),
        *(*range(35, 42), *range(44, 53), *range(55, 65), *range(81, 96), *range(100, 110), *range(112, 126)),
        *(*range(132, 158), *range(160, 188), *range(190, 208)),
    ]
)
TABLES = {"freesurfer": _FREESURFER, "muse": _MUSE}
# What a table of names calls these ids in each numbering.
_HIPPOCAMPUS = {"freesurfer": (17, 53), "muse": (47, 48)}
_BACKGROUND = 0
_NEARLY_ALL = 0.8
_FEWEST_TELLING = 3
_ASKED = 3  # maps of one cohort are numbered alike, and each costs a second to read
_LEVELS = 4  # from sub-X/ses-Y/anat up to the dataset's own folder


def recognise(ids: Iterable[int]) -> str | None:
    """Tell which numbering a set of ids belongs to; None where it fits none, or several alike.

    Examples
    --------
    >>> recognise([0, 2, 3, 4, 10, 11, 12, 13, 16, 17, 18, 41, 42, 49, 53])
    'freesurfer'
    >>> recognise([0, 4, 11, 23, 30, 35, 36, 47, 48, 59, 60, 100, 101, 207])
    'muse'
    >>> recognise([0, 1, 2, 3]) is None
    True
    """
    present = frozenset(ids) - {_BACKGROUND}
    if not present:
        return None
    telling = {
        name: len((present & table) - frozenset().union(*(other for key, other in TABLES.items() if key != name)))
        for name, table in TABLES.items()
    }
    best = max(TABLES, key=lambda name: telling[name])
    alike = sum(count == telling[best] for count in telling.values()) > 1
    fits = len(present & TABLES[best]) / len(present)
    return None if alike or telling[best] < _FEWEST_TELLING or fits < _NEARLY_ALL else best


def recognise_names(names: Mapping[int, str]) -> str | None:
    """Tell which numbering a table of structure names is of: by where it has the hippocampus, else by its ids."""
    for numbering, ids in _HIPPOCAMPUS.items():
        if any("hippocampus" in names.get(index, "").lower() for index in ids):
            return numbering
    return recognise(names)


def numbering_of(labels: Iterable[Path]) -> str | None:
    """Tell the numbering of a cohort's label maps by one of the first few: its ``dseg.tsv``, else its ids."""
    for path in islice(labels, _ASKED):
        found = recognise_names(read_names(path)) or _by_ids(path)
        if found is not None:
            return found
    return None


def read_names(labels: Path) -> dict[int, str]:
    """Read the table that names a label map's ids (columns index and name); empty where there is none to read.

    It lies beside the map under the map's name, or is the nearest ``dseg.tsv`` above it.
    """
    above = [folder / "dseg.tsv" for folder in list(labels.parents)[:_LEVELS]]
    candidates = [labels.with_name(labels.name.partition(".")[0] + ".tsv"), *above]
    table = next((path for path in candidates if path.is_file()), None)
    if table is None:
        return {}
    try:
        rows = read_table(table)
    except ScanError:
        return {}
    cells = [(column(row, ("index", "id", "label")), column(row, ("name", "structure"))) for row in rows]
    return {int(index): name for index, name in cells if index.isdecimal()}


def label_ids(path: Path) -> list[int]:
    """Return the ids that occur in a label map, sorted; raises ScanError where the map is broken."""
    counts = np.bincount(load_labels(path).data.ravel())
    return [int(index) for index in np.flatnonzero(counts)]


def unknown_ids(ids: Iterable[int], numbering: str | None) -> list[int]:
    """Return the ids that the table of `numbering` does not hold, sorted; none where the table is not ours."""
    table = TABLES.get(numbering or "")
    return [] if table is None else sorted(set(ids) - table - {_BACKGROUND})


def refuse_mixed_numbering(atlases: Iterable[Cohort]) -> None:
    """Raise UsageError where labels of different numbering would be used together."""
    known = {atlas.name: atlas.numbering for atlas in atlases if atlas.numbering is not None}
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{name} has {numbering}" for name, numbering in sorted(known.items()))
        raise UsageError(
            f"the labels are numbered differently ({listed}): equal numbers would mean different structures; "
            "use atlases of one numbering, or renumber one"
        )


def _by_ids(path: Path) -> str | None:
    try:
        return recognise(label_ids(path))
    except ScanError:
        return None
