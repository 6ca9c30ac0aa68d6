"""A method's name in, the function that fuses labels out: every module of this folder that defines ``fuse``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol

from brainatlas.fusion import comparisons
from brainatlas.fusion.model import Candidate, Fused, Target
from braincaption.errors import UsageError

DEFAULT = "jlf"


class Fuser(Protocol):
    """What a module of this folder defines as ``fuse``."""

    def __call__(self, target: Target, candidates: Sequence[Candidate]) -> Fused:
        """Return the fused labels on the grid of `target`; at least one candidate comes."""


def fuser_names() -> list[str]:
    """Return the names of all methods, sorted."""
    return sorted(module.name for module in iter_modules(__path__))


def comparison_names() -> list[str]:
    """Return the names of other programs' fusers, which are there to be compared with."""
    return sorted(module.name.replace("_", "-") for module in iter_modules(comparisons.__path__))


def load_fuser(name: str) -> Fuser:
    """Return the method called `name`, or another program's.

    Raises
    ------
    UsageError
        There is none; the message lists those there are.
    """
    if name in comparison_names():
        other: Fuser = import_module(f"{comparisons.__name__}.{name.replace('-', '_')}").fuse
        return other
    if name not in fuser_names():
        raise UsageError(f"no fusion method {name!r}: choose one of {', '.join(fuser_names())}")
    found: Fuser = import_module(f"{__name__}.{name}").fuse
    return found
