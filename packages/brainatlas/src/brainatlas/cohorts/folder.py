"""A folder in, its layout, people, labels and licence out: as BIDS says, or as the recipe that knows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from brainatlas.cohorts import bids, source
from brainatlas.cohorts.found import Layout
from brainatlas.cohorts.labels import MapIndex, find_labels, find_masks
from brainatlas.cohorts.licence import redistribution_of
from brainatlas.cohorts.model import Cohort
from brainatlas.cohorts.names import safe_name
from brainatlas.cohorts.people import People, read_participants
from brainatlas.cohorts.recipe import Recipe
from brainatlas.cohorts.recipes import find_recipe, knows, recognise_recipe, shipped_recipes
from brainatlas.cohorts.tree import Tree, walk
from braincaption.errors import UsageError

_MOST_LISTED = 6


@dataclass(frozen=True, kw_only=True)
class Folder:
    """One folder, its layout read, before anything is selected."""

    cohort: Cohort
    tree: Tree
    layout: Layout
    people: People
    recipe: Recipe | None
    labels: MapIndex | None
    masks: MapIndex


def read_folder(root: Path, given: Path | None, labels: Path | None, read_labels: bool) -> Folder:
    """Read one folder's layout; nothing is selected yet, no header read.

    Parameters
    ----------
    root : Path
    given : Path or None
        Recipe that the user named.
    labels : Path or None
        Folder or pattern of label maps that the user named.
    read_labels : bool

    Raises
    ------
    UsageError
        The folder is missing or holds no scan, or what was named does not exist.
    """
    tree = walk(root)
    named = find_recipe(given) if given is not None else None
    recipe = _recipe_for(tree, named)
    folder = _from_bids(tree, recipe) if recipe is None or not recipe.images else _from_source(tree, recipe)
    if not folder.layout.images and not folder.layout.problems:
        raise UsageError(
            f"{root}: recipe {recipe.name if recipe else given} takes none of {len(tree.files)} files for a scan, or "
            "leaves all out: check the folder and the recipe's [[excluded]]"
        )
    if named is not None and recipe is not named:
        note = (named.name, f"--recipe {named.name} knows none of these files: {root} was read without it")
        folder = replace(folder, layout=replace(folder.layout, notes=(*folder.layout.notes, note)))
    if not read_labels:
        return folder
    derivative = recipe is None and bids.is_derivative(bids.read_description(tree))
    return replace(folder, labels=find_labels(tree, derivative, labels))


def _recipe_for(tree: Tree, named: Recipe | None) -> Recipe | None:
    # One --recipe is given for several folders (an atlas and cohorts): it holds for those it knows.
    if named is not None and named.hdf5:
        raise UsageError(f"{tree.root}: recipe {named.name} is for HDF5: make slices with `brain atlas slices`")
    if named is not None and (not named.images or knows(named, tree)):
        return named
    if bids.is_bids(tree):
        return None
    recipe = recognise_recipe(tree)
    if recipe is not None:
        return recipe
    inside = bids.datasets_inside(tree)
    if tree.root.resolve().name.startswith(("sub-", "ses-", "anat")):
        raise UsageError(f"{tree.root} is a part of a cohort: give the folder that holds the sub- folders")
    if inside:
        more = " …" if len(inside) > _MOST_LISTED else ""
        listed = ", ".join(inside[:_MOST_LISTED]) + more
        raise UsageError(f"{tree.root} is no cohort, but in it there is {listed}: give that folder")
    if any(path.endswith(".h5") for path in tree.files):
        raise UsageError(f"{tree.root} holds HDF5, no volumes to register: make slices with `brain atlas slices`")
    known = f"a source we know ({', '.join(shipped_recipes())})"
    also = f"; recipe {named.name} knows none of its files either" if named is not None else ", or --recipe FILE"
    raise UsageError(
        f"{tree.root} holds no scan that we can find among {len(tree.files)} files: wanted BIDS "
        f"(sub-X/anat/sub-X_T1w.nii.gz), {known}{also}"
    )


def _from_bids(tree: Tree, recipe: Recipe | None) -> Folder:
    description = bids.read_description(tree)
    if recipe is not None and recipe.stripped is not None:
        description = {**description, "SkullStripped": recipe.stripped}
    people = read_participants(tree)
    said = _text(description.get("License")) or "unknown"
    licence = recipe.licence if recipe is not None else said
    cohort = Cohort(
        name=recipe.name if recipe is not None else _name(tree.root),
        root=tree.root,
        scans=(),
        numbering=recipe.numbering if recipe is not None else None,
        recipe=recipe.name if recipe is not None else None,
        licence=licence,
        redistribution=recipe.redistribution if recipe is not None else redistribution_of(licence),
        citation=recipe.citation if recipe is not None else _citation(description),
    )
    return Folder(
        cohort=cohort,
        tree=tree,
        layout=bids.read_layout(tree, description),
        people=people if recipe is None else source.overlay_people(recipe, people),
        recipe=recipe,
        labels=None,
        masks=find_masks(tree, bids.is_derivative(description)),
    )


def _from_source(tree: Tree, recipe: Recipe) -> Folder:
    layout, people = source.read_layout(tree, recipe)
    cohort = Cohort(
        name=recipe.name,
        root=tree.root,
        scans=(),
        numbering=recipe.numbering,
        recipe=recipe.name,
        licence=recipe.licence,
        redistribution=recipe.redistribution,
        citation=recipe.citation,
    )
    masks = find_masks(tree, derivative=False)
    return Folder(cohort=cohort, tree=tree, layout=layout, people=people, recipe=recipe, labels=None, masks=masks)


def _name(root: Path) -> str:
    # The name the user knows the folder by: of a link, not of what it points to.
    absolute = root.resolve() if ".." in root.parts else root.absolute()
    name = safe_name(absolute.name)
    if not name:
        raise UsageError(
            f"{root} has no letter or digit in its name: rename the folder, or name the cohort by a recipe"
        )
    return name


def _citation(description: dict[str, Any]) -> str:
    said = _text(description.get("HowToAcknowledge"))
    links = description.get("ReferencesAndLinks")
    parts = [said] if said else [_text(link) for link in links] if isinstance(links, list) else []
    return "; ".join(part for part in (*parts, _text(description.get("DatasetDOI"))) if part)


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
