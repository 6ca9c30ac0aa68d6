"""Folders in, checked cohorts out: who is there, with which labels and acquisition, and what is wrong with the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from brainatlas.cohorts.folder import Folder, read_folder
from brainatlas.cohorts.found import Found
from brainatlas.cohorts.model import Cohort, Scan, Selection
from brainatlas.cohorts.numbering import numbering_of
from brainatlas.cohorts.scan import make_scan
from brainatlas.cohorts.select import is_selected, refuse_unknown, selected_problems
from braincaption.errors import ScanError, UsageError


def read_cohort(
    path: Path,
    *,
    selection: Selection = Selection(),  # noqa: B008  frozen, so that sharing one is safe
    recipe: Path | None = None,
    labels: Path | None = None,
    read_labels: bool = False,
) -> Cohort:
    """Read one folder of scans: BIDS (raw or derivative), or a source that a recipe knows.

    Only headers are read, and one label map where nothing else tells how the labels are numbered.

    Parameters
    ----------
    path : Path
    selection : Selection
        Participants, sessions and sequences to take.
    recipe : Path, optional
        Recipe file, folder or name; by default the layout tells.
    labels : Path, optional
        Folder (or pattern) of label maps to be used instead of the cohort's own; implies `read_labels`.
    read_labels : bool
        Whether to look for label maps: of an atlas, never of the cohort to be labelled.

    Returns
    -------
    Cohort
        Scans that can be worked with, and one entry in ``problems`` for each that cannot.

    Raises
    ------
    UsageError
        Missing path, no scan in it, an unknown participant, session or sequence, a broken dataset description.
    """
    return read_cohorts([path], selection=selection, recipe=recipe, labels=labels, read_labels=read_labels)[0]


def read_cohorts(
    paths: Sequence[Path],
    *,
    selection: Selection = Selection(),  # noqa: B008
    recipe: Path | None = None,
    labels: Path | None = None,
    read_labels: bool = False,
) -> tuple[Cohort, ...]:
    """Read several folders under one selection, of which each label has to be found in at least one folder.

    Parameters and errors as `read_cohort`; a folder given twice counts once, one of which nothing is selected is left
    out. Raises UsageError also where two folders would have one cohort name.
    """
    wanted = read_labels or labels is not None
    distinct = list({path.resolve(): path for path in reversed(paths)}.values())[::-1]
    folders = [read_folder(path, recipe, labels, wanted) for path in distinct]
    refuse_same_names(folder.cohort for folder in folders)
    refuse_unknown([folder.layout for folder in folders], selection, ", ".join(str(path) for path in distinct))
    cohorts = [_finish(folder, selection) for folder in folders]
    return tuple(cohort for cohort in cohorts if cohort.scans or cohort.problems)


def refuse_same_names(cohorts: Iterable[Cohort]) -> None:
    """Raise UsageError where two different folders have one cohort name: their scan ids could collide."""
    roots: dict[str, Path] = {}
    for cohort in cohorts:
        known = roots.setdefault(cohort.name, cohort.root)
        if known.resolve() != cohort.root.resolve():
            raise UsageError(
                f"{known} and {cohort.root} are both named {cohort.name}: rename one folder, or give one a recipe "
                "with another name"
            )


def _finish(folder: Folder, selection: Selection) -> Cohort:
    chosen = [found for found in folder.layout.images if is_selected(found, selection)]
    problems = [(_identified(folder.cohort, who), what) for who, what in selected_problems(folder.layout, selection)]
    scans: list[Scan] = []
    for found in _distinct(chosen, folder.cohort, problems):
        scan_id = f"{folder.cohort.name}_{found.short}"
        try:
            scans.append(make_scan(found, scan_id, folder))
        except ScanError as error:
            problems.append((scan_id, str(error)))
    scans.sort(key=lambda scan: scan.scan_id)
    notes = {*folder.layout.notes, *folder.people.notes}
    if folder.labels is not None:
        stray = folder.labels.without_image(folder.layout.images)
        notes |= {(path.name, "labels no image: give it the entities of its image, all of them") for path in stray}
    numbering = folder.cohort.numbering
    if folder.labels is not None and numbering is None:
        numbering = numbering_of(scan.labels for scan in scans if scan.labels is not None)
    return replace(
        folder.cohort,
        scans=tuple(scans),
        problems=tuple(sorted(problems)),
        notes=tuple(sorted(notes)),
        numbering=numbering,
    )


def _distinct(chosen: Sequence[Found], cohort: Cohort, problems: list[tuple[str, str]]) -> list[Found]:
    by_id: dict[str, list[Found]] = defaultdict(list)
    for found in chosen:
        by_id[found.short].append(found)
    for short, same in by_id.items():
        if len(same) > 1:
            listed = ", ".join(found.image for found in same[:4])
            problems.append((f"{cohort.name}_{short}", f"{len(same)} files have this scan id ({listed}): keep one"))
    return [same[0] for same in by_id.values() if len(same) == 1]


def _identified(cohort: Cohort, who: str) -> str:
    return who if "/" in who or not who.startswith("sub-") else f"{cohort.name}_{who}"
