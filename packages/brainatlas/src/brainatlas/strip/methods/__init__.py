"""A method's name in, the function that finds a brain out: every module of this folder that defines ``find_brain``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol

import numpy as np
import numpy.typing as npt

from brainatlas.cohorts import Scan
from braincaption.errors import UsageError
from braincaption.nifti import Volume

DEFAULT = "deepbet"


@dataclass(frozen=True, kw_only=True)
class StripSettings:
    """How brains are found.

    Attributes
    ----------
    method : str
        Name of a module in ``strip/methods``.
    masks : Path or None
        For ``mask``: a folder of ``…_mask.nii.gz`` with the images' entities; None takes the cohort's own masks.
    command : str or None
        For ``command``: a command line with ``{image}`` and ``{mask}`` (and, where wanted, ``{brain}``) in it.
    heads : tuple of Scan
        For ``template``: whole heads of the atlas whose masks are carried over.
    n4 : bool
        Divide the brain by its bias field (N4) after stripping.
    force : bool
        Strip again what is done, and what came stripped.
    """

    method: str = DEFAULT
    masks: Path | None = None
    command: str | None = None
    heads: tuple[Scan, ...] = ()
    n4: bool = False
    force: bool = False


DEFAULTS = StripSettings()


class Stripper(Protocol):
    """What a module of this folder defines as ``find_brain``."""

    def __call__(self, volume: Volume, scan: Scan, settings: StripSettings) -> npt.NDArray[np.bool_]:
        """Return the brain mask on the grid of `volume`; raise `ScanError` where there is none to be found."""


def stripper_names() -> list[str]:
    """Return the names of all methods, sorted."""
    return sorted(module.name for module in iter_modules(__path__))


def load_stripper(name: str) -> Stripper:
    """Return the method called `name`.

    Raises
    ------
    UsageError
        There is none; the message lists those there are.
    """
    if name not in stripper_names():
        raise UsageError(f"no stripping method {name!r}: choose one of {', '.join(stripper_names())}")
    found: Stripper = import_module(f"{__name__}.{name}").find_brain
    return found
