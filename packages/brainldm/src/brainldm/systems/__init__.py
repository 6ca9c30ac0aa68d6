"""Systems: one file each defines `SUMMARY` and `train(request)`; a new file is a new name for `brain ldm train`.

A file may also define `describe()`, the lines that `brain ldm zoo show` adds to the summary. A system whose model
folders are of a form of their own also defines `owns(folder)`, `facts(folder)` and `generate(request)`, one that
starts from a pretrained model of the user's choice `TAKES_BASE = True`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from braincaption.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """What a system is asked to train.

    Attributes
    ----------
    data : Path
        Slice folder or dataset folder.
    out : Path
        Model folder; ``out/training`` keeps what a resumed run needs.
    config : str
        Name of a config, or a TOML file.
    text : str
        Text encoder: built-in, a known name, a Hub name in the local cache, or a folder.
    minutes : float or None
        Stop after this long; the same request goes on. None trains to the end.
    seed : int
    base : str or None
        Pretrained model to start from, where the system has one (`TAKES_BASE`); None: as the config says.
    """

    data: Path
    out: Path
    config: str
    text: str
    minutes: float | None
    seed: int
    base: str | None = None


@dataclass(frozen=True, kw_only=True)
class DrawingRequest:
    """What `brain ldm generate` was asked; None where the caller said nothing.

    Attributes
    ----------
    prompt : str
        A prompt, or the path of a table of captions.
    folder, out : Path
        Model folder, and where to write.
    image : Path or None
        Scan to start from.
    zooms : tuple of float or None
        Voxel size asked for, mm.
    options : dict
        The command's other options: n, steps, sampler, guidance, negative, mask, nifti, seed.
    """

    prompt: str
    folder: Path
    out: Path
    image: Path | None
    zooms: tuple[float, ...] | None
    options: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What `brain ldm zoo list` says of a model folder: what it draws, in which sequences, checksum of its weights."""

    size: str
    sequences: tuple[str, ...]
    checksum: str


Train = Callable[[TrainingRequest], str]


def names() -> list[str]:
    """Return the names of the systems."""
    found = (Path(entry.name) for entry in files(__name__).iterdir())
    return sorted(path.stem.replace("_", "-") for path in found if path.suffix == ".py" and path.stem != "__init__")


def summary(name: str) -> str:
    """Return what a system is, in one line."""
    return str(_module(name).SUMMARY)


def describe(name: str) -> str:
    """Return what a system is and, where it has configs of its own, each of their numbers with its origin."""
    module = _module(name)
    lines: list[str] = [str(module.SUMMARY), *(module.describe() if hasattr(module, "describe") else [])]
    return "\n".join(lines)


def train_system(name: str, request: TrainingRequest) -> str:
    """Train the system `name` end to end and return what came of it, in one line.

    Raises
    ------
    UsageError
        No such system, or a request that it cannot serve.
    """
    module = _module(name)
    if request.base is not None and not getattr(module, "TAKES_BASE", False):
        raise UsageError(f"{name} starts from nothing that --base could name: leave it out")
    train: Train = module.train
    return train(request)


def keeper(folder: Path) -> Any:
    """Return the module of the system whose own form of model folder `folder` has; None for all others."""
    modules = (_module(name) for name in names())
    return next((module for module in modules if hasattr(module, "owns") and module.owns(folder)), None)


def _module(name: str):  # type: ignore[no-untyped-def]  # a module's attributes have no types
    if name not in names():
        raise UsageError(f"no system {name!r}: give one of {', '.join(names())}")
    return import_module(f"{__name__}.{name.replace('-', '_')}")
