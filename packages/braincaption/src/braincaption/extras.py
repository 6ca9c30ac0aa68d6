"""The name of a module of an optional extra in, the module out, or an error that names the extra to install."""

from __future__ import annotations

import importlib
from types import ModuleType

from braincaption.errors import BrainError


def require(module: str, extra: str, package: str = "braincaption") -> ModuleType:
    """Import `module`, which comes with ``package[extra]``.

    Raises
    ------
    BrainError
        It is not installed; the message gives the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BrainError(
            f"{module} does not import ({error}): install it with: pip install '{package}[{extra}]'"
        ) from None
