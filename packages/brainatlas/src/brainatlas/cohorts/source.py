"""A recipe and the files of its source in, one image per scan with person and acquisition out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields

from brainatlas.cohorts.acquisition import Acquisition
from brainatlas.cohorts.demographics import demographic_rows, join_people, reason_to_exclude
from brainatlas.cohorts.found import Found, Layout
from brainatlas.cohorts.header import Grid
from brainatlas.cohorts.names import BidsName
from brainatlas.cohorts.people import People, Person
from brainatlas.cohorts.recipe import ImagePattern, Recipe
from brainatlas.cohorts.spreadsheet import normal_id
from brainatlas.cohorts.tree import Tree
from braincaption.errors import ScanError

Remarks = list[tuple[str, str]]
Rows = Mapping[str, list[dict[str, str]]]


def read_layout(tree: Tree, recipe: Recipe) -> tuple[Layout, People]:
    """Find the images of a source, and what is known of its people.

    Where several patterns of the recipe give one scan, the first pattern's file is taken.
    """
    rows, notes = demographic_rows(tree, recipe)
    images: list[Found] = []
    problems: Remarks = []
    taken: dict[str, ImagePattern] = {}
    dropped = excluded_files(tree, recipe)
    excluded: Counter[str] = Counter(dropped.values())
    for pattern in recipe.images:
        for path in tree.files:
            match = pattern.compiled.fullmatch(path)
            if match is None or path in dropped:
                continue
            try:
                found = _found(path, match, pattern, recipe, tree)
            except ScanError as error:
                problems.append((path, str(error)))
                continue
            if taken.setdefault(found.short, pattern) is not pattern:
                continue
            reason = reason_to_exclude(found, recipe, rows)
            if reason is None:
                images.append(found)
            else:
                excluded[reason] += 1
    notes += [(recipe.name, f"{count} left out: {reason}") for reason, count in sorted(excluded.items())]
    people, remarks = join_people(images, recipe, rows)
    return Layout(images=tuple(images), problems=tuple(problems), notes=tuple(notes + remarks)), people


def repaired_affine(grid: Grid, recipe: Recipe | None, path: str) -> object:
    """Return the affine that replaces the file's own, or None where its own holds.

    Raises
    ------
    ScanError
        An Analyze file of a shape the recipe has no affine for: its own header cannot be trusted.
    """
    if not grid.analyze or recipe is None or not recipe.repairs:
        return None
    for repair in recipe.repairs:
        if grid.shape == repair.shape:
            return repair.affine
    shapes = " or ".join("×".join(map(str, repair.shape)) for repair in recipe.repairs)
    shown = "×".join(map(str, grid.shape))
    raise ScanError(
        f"{path} is an Analyze file of {shown} voxels; only {shapes} has a known orientation: convert it to NIfTI"
    )


def overlay_people(recipe: Recipe, people: People) -> People:
    """Lay the people whom a recipe knows over those of a BIDS dataset."""
    rows = dict(people.rows)
    for known in recipe.people:
        for subject in known.subjects:
            own = rows.get((subject, None), Person())
            rows[subject, None] = Person(
                age=known.facts.age if own.age is None else own.age,
                sex=own.sex or known.facts.sex,
                key=known.person,
            )
    return People(rows=rows, listed=people.listed, notes=people.notes)


def _found(path: str, match: re.Match[str], pattern: ImagePattern, recipe: Recipe, tree: Tree) -> Found:
    groups = {key: value or "" for key, value in match.groupdict().items()}
    subject = _label(groups["subject"], path)
    entities = {"sub": subject}
    if pattern.session:
        entities["ses"] = _label(pattern.session.format_map(groups), path)
    suffix = _sequence(pattern, groups, path)
    folder = path.rpartition("/")[0]
    return Found(
        image=path,
        name=BidsName(entities=entities, suffix=suffix, extension=""),
        person=_person_key(recipe, subject, path),
        stripped=recipe.stripped if pattern.stripped is None else pattern.stripped,
        acquisition=acquisition_of(recipe, {**groups, "sequence": suffix}),
        labels=_first_there(pattern.labels, folder, groups, tree),
        mask=_first_there(pattern.mask, folder, groups, tree),
        row=normal_id(recipe.demographics.row.format_map(groups)) if recipe.demographics else subject,
    )


def _label(text: str, path: str) -> str:
    label = re.sub(r"[^A-Za-z0-9]", "", text)
    if not label:
        raise ScanError(f"{path} gives no subject or session label: look at the recipe's path")
    return label


def _sequence(pattern: ImagePattern, groups: Mapping[str, str], path: str) -> str:
    if isinstance(pattern.sequence, str):
        return pattern.sequence
    if groups["sequence"] not in pattern.sequence:
        raise ScanError(f"{path} is of sequence {groups['sequence']}, which the recipe does not name")
    return pattern.sequence[groups["sequence"]]


def _person_key(recipe: Recipe, subject: str, path: str) -> str:
    if not recipe.people:
        return subject
    for known in recipe.people:
        if subject in known.subjects:
            return known.person
    raise ScanError(f"{path}: the recipe's people do not name subject {subject}, so its person is not known: add it")


def acquisition_of(recipe: Recipe, groups: Mapping[str, str]) -> Acquisition:
    """Return what a recipe's protocols say of a scan; `groups` are those of its path, ``sequence`` its suffix."""
    merged: dict[str, object] = {}
    for protocol in recipe.protocols:
        if all(groups.get(key) == value for key, value in protocol.where.items()):
            said = {item.name: getattr(protocol.acquisition, item.name) for item in fields(Acquisition)}
            merged.update({key: value for key, value in said.items() if value is not None})
    return Acquisition(**merged)  # type: ignore[arg-type]


def _first_there(templates: tuple[str, ...], folder: str, groups: Mapping[str, str], tree: Tree) -> str | None:
    for template in templates:
        path = f"{folder}/{template.format_map(groups)}".lstrip("/")
        if path in tree:
            return path
    return None


def excluded_files(tree: Tree, recipe: Recipe) -> dict[str, str]:
    """Return the files that a recipe leaves out, with the reason."""
    dropped: dict[str, str] = {}
    for rule in recipe.excluded:
        if rule.apply and rule.path:
            expression = re.compile(rf"(?:.*/)?(?:{rule.path})")
            dropped.update({path: rule.because for path in tree.files if expression.fullmatch(path)})
    return dropped
