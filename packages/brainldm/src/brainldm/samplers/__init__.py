"""Samplers: one file each defines `make(settings)`; a new file here is a new name for ``--sampler``."""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from braincaption.errors import UsageError
from brainldm.config import NoiseSettings

DEFAULT = "dpmpp"


def names() -> list[str]:
    """Return the names of the samplers."""
    found = (Path(entry.name) for entry in files(__name__).iterdir())
    return sorted(path.stem for path in found if path.suffix == ".py" and path.stem != "__init__")


def make_sampler(name: str, settings: NoiseSettings) -> Any:
    """Return a diffusers scheduler for the forward process `settings`; it never clips latents."""
    if name not in names():
        raise UsageError(f"no sampler {name!r}: give one of {', '.join(names())}")
    return import_module(f"{__name__}.{name}").make(settings)
