"""What a read cohort is: its scans, who they show, which labels belong to them, and what is wrong with the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brainatlas.cohorts.acquisition import Acquisition

REDISTRIBUTION = ("yes", "no", "ask", "unknown")


@dataclass(frozen=True, kw_only=True)
class Scan(Acquisition):
    """One image of one person, with what is known about both and the acquisition; nothing is read into memory.

    Attributes
    ----------
    scan_id : str
        ``<cohort>_sub-X[_ses-Y][_acq-A][_run-N]_<suffix>``, unique over all cohorts of one OUT.
    cohort : str
    person : str
        ``<cohort>/<person key>``; scans of one person share it, whatever their subject labels are.
    subject, session : str
        BIDS labels without ``sub-`` and ``ses-``; `session` is None where the layout has none.
    stem : str
        The scan id without cohort and suffix: ``sub-X[_ses-Y][_acq-A][_run-N]``.
    suffix : str
        The sequence as BIDS names it: T1w, T2w, FLAIR …
    entities : dict of str to str
        Every entity of the file name (sub, ses, acq, run, …), in its order.
    image : Path
    labels : Path or None
        Label map on the image's own grid.
    label_origin : str or None
        ``manual``, or ``vote:<method>`` where the labels come from an OUT of ours; None without labels.
    label_subjects : tuple of str
        Person keys whose manual labels were carried into voted labels; empty where they are manual.
    mask : Path or None
        Brain mask on the image's own grid, where the source brings one.
    stripped : bool or None
        Whether the skull is already removed; None where nobody says so.
    affine : ndarray of float64, shape (4, 4), or None
        Voxel index → world RAS, mm, to be used instead of the file's own (a recipe's header repair); None: the file's.
    licence : str
    redistribution : str
        yes, no, ask or unknown.
    age : float or None
        Years, at the scan.
    sex : str or None
        M, F or O.
    """

    scan_id: str
    cohort: str
    person: str
    subject: str
    session: str | None = None
    stem: str
    suffix: str
    entities: dict[str, str] = field(hash=False)
    image: Path
    labels: Path | None = None
    label_origin: str | None = None
    label_subjects: tuple[str, ...] = ()
    mask: Path | None = None
    stripped: bool | None = None
    affine: npt.NDArray[np.float64] | None = field(default=None, compare=False)
    licence: str = "unknown"
    redistribution: str = "unknown"
    age: float | None = None
    sex: str | None = None


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """A folder of scans, read.

    Attributes
    ----------
    name : str
        Letters, digits and hyphens, so that it can stand in scan ids and folder names.
    root : Path
    scans : tuple of Scan
        Those that can be worked with, sorted by scan id.
    problems : tuple of (str, str)
        Scan id (or file below `root`, where there is no id) and what is wrong with it, with the remedy.
    notes : tuple of (str, str)
        As `problems`, of things that keep no scan out: an age nobody can read, a sidecar in the wrong unit.
    numbering : str or None
        Which table the labels' ids belong to: ``freesurfer``, ``muse``, …; None where there are no labels, or nothing
        tells.
    recipe : str or None
        Name of the recipe the layout was read by; None for plain BIDS.
    licence, redistribution, citation : str
        `redistribution` is yes, no, ask or unknown.
    """

    name: str
    root: Path
    scans: tuple[Scan, ...]
    problems: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    numbering: str | None = None
    recipe: str | None = None
    licence: str = "unknown"
    redistribution: str = "unknown"
    citation: str = ""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which scans of a cohort to take; an empty tuple takes all.

    Attributes
    ----------
    participants : tuple of str
        Subject labels, with or without ``sub-``.
    sessions : tuple of str
        Session labels, with or without ``ses-``.
    sequences : tuple of str
        BIDS suffixes: T1w, T2w, FLAIR …
    """

    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
