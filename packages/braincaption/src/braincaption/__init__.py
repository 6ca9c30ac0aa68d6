"""Label maps in, captioned slices and Hugging Face datasets out; needs neither torch nor ANTs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from braincaption.lut import load_lut
    from braincaption.reuse import caption_label_map

__version__ = "0.1.0"
__all__ = ["__version__", "caption_label_map", "load_lut"]

_HOMES = {"caption_label_map": "braincaption.reuse", "load_lut": "braincaption.lut"}


def __getattr__(name: str) -> Any:
    # Imported when first used, so that `import braincaption` and `brain --help` stay quick.
    if name not in _HOMES:
        raise AttributeError(f"module 'braincaption' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
