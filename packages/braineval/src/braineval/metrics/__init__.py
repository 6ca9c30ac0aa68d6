"""The name of a metric in, its scoring function out: every module of this folder is one metric, found by its file.

A metric module ``some_name.py`` is the command ``brain eval some-name``. Its docstring is the command's help; its
function ``score(real, generated, settings)`` returns a `braineval.score.Score` or raises
`braineval.score.NotDefinedError`. Nothing is imported until a metric is used.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from braincaption.errors import UsageError

if TYPE_CHECKING:
    from braineval.score import Score
    from braineval.settings import Settings
    from braineval.slices import Slices

    Metric = Callable[[Slices, Slices, Settings], Score]

__all__ = ["names", "scorer", "summary"]


@cache
def names() -> tuple[str, ...]:
    """Return the names of all metrics, sorted."""
    here = Path(__file__).parent
    return tuple(sorted(file.stem.replace("_", "-") for file in here.glob("*.py") if not file.stem.startswith("_")))


@cache
def summary(name: str) -> str:
    """Return the whole docstring of a metric's module, read without importing it."""
    source = (Path(__file__).parent / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or name


def scorer(name: str) -> Metric:
    """Return the scoring function of metric `name`.

    Raises
    ------
    UsageError
        No metric has this name.
    """
    if name not in names():
        raise UsageError(f"no metric is called {name!r}: choose one of {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    function: Metric = module.score
    return function
