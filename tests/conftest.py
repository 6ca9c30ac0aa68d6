"""Fixtures that every package's tests share: where the real scans lie, and small synthetic volumes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of the real scans: BRAIN_REALDATA, or ../shared/data beside the checkout; skips where it is absent."""
    folder = Path(os.environ.get("BRAIN_REALDATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real scans: {folder} does not exist (set BRAIN_REALDATA)")
    return folder
