"""A folder, or the name of a source, in, the recipe that knows it out: recipes ship with the package."""

from __future__ import annotations

from pathlib import Path

import brainatlas
from brainatlas.cohorts.recipe import Recipe, load_recipe
from brainatlas.cohorts.tree import Tree
from braincaption.errors import UsageError

FILE = "recipe.toml"


def recipe_folder() -> Path:
    """Return the folder of the recipes: inside an installed package, or ``datasets/`` of the repository it runs from.

    Raises
    ------
    UsageError
        Neither is there.
    """
    package = Path(brainatlas.__file__).resolve().parent
    inside = package / "recipes"
    beside = package.parents[3] / "datasets" if len(package.parents) > 3 else inside
    for folder in (inside, beside):
        if folder.is_dir() and any(folder.glob(f"*/{FILE}")):
            return folder
    raise UsageError(f"no recipes in {inside} or {beside}: install brainatlas again")


def shipped_recipes() -> dict[str, Recipe]:
    """Return the recipes that come with the package, by name, in their order."""
    recipes = [load_recipe(path) for path in sorted(recipe_folder().glob(f"*/{FILE}"))]
    return {recipe.name: recipe for recipe in recipes}


def find_recipe(given: Path) -> Recipe:
    """Return the recipe that a user named: a file, a folder that holds one, or the name of one that ships.

    Raises
    ------
    UsageError
        None of the three.
    """
    if given.is_dir() and (given / FILE).is_file():
        return load_recipe(given / FILE)
    if given.is_file():
        return load_recipe(given)
    shipped = shipped_recipes()
    if str(given) in shipped:
        return shipped[str(given)]
    raise UsageError(f"--recipe {given} is no file and no recipe we ship: those are {', '.join(shipped)}")


def knows(recipe: Recipe, tree: Tree) -> int:
    """Return how many files of a folder a recipe takes for images."""
    return sum(any(pattern.compiled.fullmatch(path) for pattern in recipe.images) for path in tree.files)


def recognise_recipe(tree: Tree) -> Recipe | None:
    """Return the recipe whose images the folder holds most of; None where no recipe knows any.

    Raises
    ------
    UsageError
        Two recipes know equally many.
    """
    counts = {recipe.name: (knows(recipe, tree), recipe) for recipe in shipped_recipes().values()}
    most = max((count for count, _ in counts.values()), default=0)
    best = [recipe for count, recipe in counts.values() if count == most]
    if most == 0:
        return None
    if len(best) > 1:
        names = ", ".join(recipe.name for recipe in best)
        raise UsageError(f"{tree.root} looks like several sources ({names}): say which with --recipe")
    return best[0]
