"""A folder name in, an open synthetic cohort with true labels out: `brain atlas phantom`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def phantom(
    out: Annotated[Path, typer.Option("--out", help="Folder of the BIDS dataset to write.")],
    subjects: Annotated[int, typer.Option("--subjects", help="How many people.")] = 8,
    size: Annotated[str, typer.Option("--size", help="tiny (64×72×64 voxels of 3 mm) or full (1 mm).")] = "tiny",
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds give equal bytes.")] = 0,
    field_strength: Annotated[
        float | None, typer.Option("--field-strength", help="Of every scan, tesla; by default drawn scan by scan.")
    ] = None,
) -> None:
    """Make a synthetic cohort: T1w, T2w and FLAIR heads in BIDS layout, with true labels and brain masks.

    Example: brain atlas phantom --out phantom --subjects 8 --size tiny --seed 1
    """
    from brainatlas.phantom.dataset import write_cohort

    write_cohort(out, subjects=subjects, size=size, seed=seed, field_t=field_strength)
