"""Rows given by hand in, a slice table of the right schema out; shared by the tests of captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pytest

from braincaption.schema import SLICES

_TEXT = ("image_id", "space_id", "image_subject", "space_subject", "label_origin", "cohort", "licence")


@pytest.fixture(scope="session")
def slice_table() -> Callable[..., pa.Table]:
    """Return a function that makes a table of one volume from (plane, position, [(label, voxels), …]) rows."""
    return _slice_table


def _slice_table(
    rows: Sequence[tuple[str, float, Sequence[tuple[int, int]]]],
    volume_id: str = "a@b",
    mm3: float = 1.0,
    **facts: object,
) -> pa.Table:
    blank = dict.fromkeys(SLICES.names) | dict.fromkeys(_TEXT, "x") | {"label_subjects": ["x/1"], "zooms": [1.0] * 3}
    made = []
    for index, (plane, position, found) in enumerate(rows):
        listed = [{"label": label, "voxels": n, "volume_mm3": n * mm3} for label, n in found]
        own = {"volume_id": volume_id, "plane": plane, "index": index, "position_mm": position, "structures": listed}
        made.append(blank | {"sequence": "", "oblique_deg": 0.0, "thickness_mm": 1.0} | own | facts)
    return pa.Table.from_pylist(made, schema=SLICES)
