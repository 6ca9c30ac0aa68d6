"""A module of an extra is imported, or the error names the extra."""

from __future__ import annotations

import json

import pytest

from braincaption.errors import BrainError
from braincaption.extras import require


def test_a_module_that_is_there_comes_back() -> None:
    assert require("json", "any") is json


def test_a_module_that_is_missing_names_the_extra() -> None:
    with pytest.raises(BrainError, match=r"pip install 'braincaption\[hub\]'"):
        require("no_such_module_of_ours", "hub")
