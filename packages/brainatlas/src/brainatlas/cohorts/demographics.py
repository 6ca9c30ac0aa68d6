"""The table of people that comes with a source in, who each image shows and which rules leave it out, out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from brainatlas.cohorts.found import Found
from brainatlas.cohorts.people import People, Person, agree, read_person
from brainatlas.cohorts.recipe import Demographics, Recipe
from brainatlas.cohorts.spreadsheet import normal_id, read_spreadsheet
from brainatlas.cohorts.tree import Tree
from braincaption.errors import UsageError

Remarks = list[tuple[str, str]]
Rows = Mapping[str, list[dict[str, str]]]


def demographic_rows(tree: Tree, recipe: Recipe) -> tuple[dict[str, list[dict[str, str]]], Remarks]:
    """Read the source's table of people, by id.

    Raises
    ------
    UsageError
        It cannot be read, or has not the columns the recipe names. A missing table is only a note.
    """
    asked = recipe.demographics
    if asked is None:
        return {}, []
    path = _find_table(tree, asked)
    if path is None:
        names = " or ".join(asked.files)
        return {}, [(recipe.name, f"no {names} here or beside this folder: ages and sexes are unknown")]
    table = read_spreadsheet(path)
    wanted = [name for name in (asked.id, asked.age, asked.sex) if name]
    missing = [name for name in wanted if table and name not in table[0]]
    if missing:
        there = ", ".join(table[0])[:120]
        raise UsageError(f"{path} has no column {', '.join(map(repr, missing))} (it has {there}): check the table")
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in table:
        rows[normal_id(row.get(asked.id, ""))].append(row)
    return rows, []


def join_people(images: list[Found], recipe: Recipe, rows: Rows) -> tuple[People, Remarks]:
    """Join each image's person with its rows, on the id, never by order.

    Repeated rows fill each other's gaps; where they contradict each other the value is left out and told.
    """
    known = {subject: person for person in recipe.people for subject in person.subjects}
    people: dict[tuple[str, str | None], Person] = {}
    notes: Remarks = []
    for found in images:
        if (found.row, None) in people:
            continue
        person = known[found.subject].facts if found.subject in known else Person()
        if recipe.demographics is not None:
            person, remarks = _joined(person, rows.get(found.row, []), recipe.demographics)
            notes += [(f"sub-{found.subject}", remark) for remark in remarks]
            if rows and found.row not in rows:
                notes.append((f"sub-{found.subject}", "has no row in the demographics"))
        people[found.row, None] = person
    return People(rows=people), notes


def reason_to_exclude(found: Found, recipe: Recipe, rows: Rows) -> str | None:
    """Return why the demographics leave an image out; None where they do not."""
    for rule in recipe.excluded:
        if not rule.apply or not rule.column:
            continue
        for row in rows.get(found.row, []):
            try:
                if float(row.get(rule.column) or "nan") > rule.above:
                    return rule.because
            except ValueError:
                continue
    return None


def _joined(person: Person, rows: list[dict[str, str]], asked: Demographics) -> tuple[Person, list[str]]:
    remarks: list[str] = []
    said = [person]
    for row in rows:
        read, unread = read_person(row.get(asked.age, ""), row.get(asked.sex, ""), asked.codes)
        said.append(read)
        remarks += [f"{remark}: left out" for remark in unread]
    agreed, contradiction = agree(said)
    remarks += ["its rows contradict each other: what differs is left out"] if contradiction else []
    return agreed, remarks


def _find_table(tree: Tree, asked: Demographics) -> Path | None:
    try:
        beside = sorted(path for path in tree.root.resolve().parent.iterdir() if path.is_file())
    except OSError:  # a parent that may not be listed holds no table for us
        beside = []
    for name in asked.files:
        inside = [tree.path(path) for path in tree.files if path.rpartition("/")[2].lower() == name.lower()]
        for path in (*inside, *(path for path in beside if path.name.lower() == name.lower())):
            return path
    return None
