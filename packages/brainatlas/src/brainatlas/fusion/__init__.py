"""A scan and labelled scans in, its labels and their confidence out; one file of ``fusion/methods`` is one method."""

from __future__ import annotations

from collections.abc import Sequence

from brainatlas.fusion.methods import DEFAULT, fuser_names, load_fuser
from brainatlas.fusion.model import Candidate, Fused, Target

__all__ = ["DEFAULT", "Candidate", "Fused", "Target", "fuse", "fuser_names"]


def fuse(method: str, target: Target, candidates: Sequence[Candidate]) -> Fused:
    """Return what `candidates` agree on for `target`, by the method called `method` (see `fuser_names`)."""
    return load_fuser(method)(target, candidates)
