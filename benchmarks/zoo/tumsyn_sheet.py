"""A trained TUMSyn and a cohort in, a sheet of made slices beside acquired ones to look at out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tumsyn_people import KeptMaker, Person

from braincaption.slicefolder import encode_png

SHOWN = 3


def save_sheet(path: Path, maker: KeptMaker, people: list[Person]) -> dict[str, str]:
    """Write, a row a person: T1w given, T2w made and acquired, FLAIR made and acquired, T2w at TE 50 and 150 ms."""
    rows = []
    for one in people[:SHOWN]:
        source, wanted, dark = (one.scans[name] for name in ("T1w", "echo2_T2w", "FLAIR"))
        early, late = (replace(wanted.facts, te_ms=te) for te in (50.0, 150.0))
        made = [maker.make(source.volume, facts) for facts in (wanted.facts, dark.facts, early, late)]
        shown = [source.voxels, made[0], wanted.voxels, made[1], dark.voxels, made[2], made[3]]
        rows.append(np.concatenate([_slice(data) for data in shown], axis=1))
    path.write_bytes(encode_png(np.repeat(np.repeat(np.concatenate(rows), 2, axis=0), 2, axis=1)))
    return {"columns": "T1w given; T2w made, acquired; FLAIR made, acquired; T2w made at TE 50 and 150 ms"}


def _slice(data: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Return the middle axial slice, anterior up."""
    middle = data[:, :, data.shape[2] // 2]
    return np.rint(255 * np.clip(middle, 0, 1)).astype(np.uint8).T[::-1]
