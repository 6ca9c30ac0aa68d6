"""Fixtures of brainatlas' tests: made-up brains with known sides, loaded from the module beside this file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def brains() -> ModuleType:
    """The functions of ``synthetic_brains.py``."""
    spec = importlib.util.spec_from_file_location("synthetic_brains", Path(__file__).with_name("synthetic_brains.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
