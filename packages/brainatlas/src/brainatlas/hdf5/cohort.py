"""A folder and the recipe that knows it in, its scans out: files of one scan together, persons not yet read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from brainatlas.cohorts.names import safe_name
from brainatlas.cohorts.recipe import Hdf5Pattern, Recipe
from brainatlas.cohorts.recipes import find_recipe, shipped_recipes
from brainatlas.cohorts.source import excluded_files
from brainatlas.cohorts.tree import Tree, walk
from braincaption.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Hdf5Scan:
    """One scan: a file, or the repetitions that are averaged.

    Attributes
    ----------
    scan_id : str
        ``<cohort>_sub-X_<sequence>``.
    subject, sequence : str
    groups : dict of str to str
        Named groups of the first file's path, for the recipe's protocols.
    files : tuple of str
        Below the cohort's root, in the order of their repetitions.
    wanted : int
        Repetitions that the recipe knows of.
    pattern : Hdf5Pattern
    """

    scan_id: str
    subject: str
    sequence: str
    groups: dict[str, str]
    files: tuple[str, ...]
    wanted: int
    pattern: Hdf5Pattern


@dataclass(frozen=True, kw_only=True)
class Hdf5Cohort:
    """A source in HDF5, its files' names read and nothing else."""

    root: Path
    recipe: Recipe
    scans: tuple[Hdf5Scan, ...]
    notes: tuple[tuple[str, str], ...]


def find_hdf5_cohort(root: Path, given: Path | None) -> Hdf5Cohort | None:
    """Return the cohort in `root` if a recipe for HDF5 knows it; None where it is of another kind.

    Parameters
    ----------
    root : Path
    given : Path or None
        Recipe that the user named; otherwise those we ship are tried.

    Raises
    ------
    UsageError
        The named recipe is for HDF5 and knows none of the files, or several we ship know equally many.
    """
    tree = walk(root)
    candidates = [find_recipe(given)] if given is not None else list(shipped_recipes().values())
    candidates = [recipe for recipe in candidates if recipe.hdf5]
    found = [(len(_matches(tree, recipe)), recipe) for recipe in candidates]
    most = max((count for count, _ in found), default=0)
    if most == 0:
        if given is not None and candidates:
            raise UsageError(f"{root}: recipe {candidates[0].name} knows none of its {len(tree.files)} files")
        return None
    best = [recipe for count, recipe in found if count == most]
    if len(best) > 1:
        names = ", ".join(recipe.name for recipe in best)
        raise UsageError(f"{root} looks like several sources ({names}): say which with --recipe")
    return _cohort(tree, best[0])


def _cohort(tree: Tree, recipe: Recipe) -> Hdf5Cohort:
    dropped = excluded_files(tree, recipe)
    together: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    seen: dict[tuple[str, str], tuple[dict[str, str], Hdf5Pattern]] = {}
    for path, groups, pattern in _matches(tree, recipe):
        if path in dropped:
            continue
        key = (safe_name(groups["subject"]).replace("-", ""), groups["sequence"])
        together[key].append((int(groups.get("repetition") or 0), path))
        seen.setdefault(key, (groups, pattern))
    scans = [_scan(recipe, key, sorted(files), *seen[key]) for key, files in together.items()]
    notes = [(recipe.name, f"{len(dropped)} files left out: {because}") for because in sorted(set(dropped.values()))]
    for scan in scans:
        if len(scan.files) < scan.wanted:
            notes.append(
                (scan.scan_id, f"{len(scan.files)} of {scan.wanted} repetitions are there: noisier than usual")
            )
    return Hdf5Cohort(
        root=tree.root,
        recipe=recipe,
        scans=tuple(sorted(scans, key=lambda scan: scan.scan_id)),
        notes=tuple(sorted(notes)),
    )


def _scan(
    recipe: Recipe,
    key: tuple[str, str],
    files: list[tuple[int, str]],
    groups: dict[str, str],
    pattern: Hdf5Pattern,
) -> Hdf5Scan:
    subject, said = key
    if said not in pattern.sequence:
        raise UsageError(f"recipe {recipe.name} names no sequence for {said!r} ({files[0][1]}): add it")
    numbers = [number for number, _ in files]
    if len(set(numbers)) < len(numbers):
        listed = ", ".join(path for _, path in files[:4])
        raise UsageError(f"several files are the same scan and repetition ({listed}): keep one, or give one folder")
    sequence = pattern.sequence[said]
    return Hdf5Scan(
        scan_id=f"{recipe.name}_sub-{subject}{_variant(pattern, said)}_{sequence}",
        subject=subject,
        sequence=sequence,
        groups=groups,
        files=tuple(path for _, path in files),
        wanted=pattern.repetitions.get(said, 1),
        pattern=pattern,
    )


def _variant(pattern: Hdf5Pattern, said: str) -> str:
    """Return what keeps two kinds of one sequence apart: AXT1 and AXT1PRE of one subject are two scans."""
    same = [name for name, sequence in pattern.sequence.items() if sequence == pattern.sequence[said]]
    return f"_acq-{safe_name(said).replace('-', '')}" if len(same) > 1 else ""


def _matches(tree: Tree, recipe: Recipe) -> list[tuple[str, dict[str, str], Hdf5Pattern]]:
    found = []
    for path in tree.files:
        for pattern in recipe.hdf5:
            match = pattern.compiled.fullmatch(path)
            if match:
                found.append((path, {key: value or "" for key, value in match.groupdict().items()}, pattern))
                break
    return found
