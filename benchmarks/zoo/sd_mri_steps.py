"""A number of steps in, the config tiny of SD-MRI with that many steps of fine-tuning out, as a TOML file."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path


def write_tiny(path: Path, steps: int) -> Path:
    """Write the config and return its path."""
    tiny = files("brainldm.sdmri.configs").joinpath("tiny.toml").read_text(encoding="utf-8")
    text, changed = re.subn(r"(?ms)^(\[training\]$.*?^steps = )\d+$", rf"\g<1>{steps}", tiny, count=1)
    assert changed, "tiny's steps are not where they were"
    path.write_text(text, encoding="utf-8")
    return path
