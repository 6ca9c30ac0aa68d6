"""Numbers of phantom people by field strength in, a slice folder of their heads out: drawn from memory, people apart.

The heads are those of `brain atlas phantom --field-strength`, whole and windowed from zero, as `brain atlas slices`
draws those of fastMRI and M4Raw: 64 × 64 pixels, hardly larger than a voxel, so that noise is not smoothed away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainatlas.hdf5.picture import white
from brainatlas.phantom.protocol import CONTRASTS
from brainatlas.phantom.subject import Subject, make_subject
from braincaption.progress import track
from braincaption.render.sample import draw
from braincaption.render.settings import ViewSettings
from braincaption.render.view import pixel_grid
from braincaption.render.window import brain_centre
from braincaption.slicefolder import write_slices
from brainldm.sdmri.prompt import prompt_of

VIEW = ViewSettings(size=64, fov_mm=216)
LOW_MM, HIGH_MM = -30.0, 55.0  # between temporal poles and vertex: a slice outside shows little of any contrast


@dataclass(frozen=True, kw_only=True)
class Group:
    """People of one field strength: how many in each split, in which contrasts, and where their numbers begin."""

    field_t: float
    people: Mapping[str, int]
    first: int
    contrasts: tuple[str, ...] = CONTRASTS
    every: int = 2  # of the axial slices: neighbours are alike


def field_slices(out: Path, groups: list[Group], seed: int) -> Path:
    """Write the slices of every group into one slice folder, where it is not there yet."""
    if not (out / "metadata.parquet").is_file():
        count = sum(sum(group.people.values()) for group in groups)
        write_slices(out, (row for rows in track(_people(groups, seed), "phantom people", count) for row in rows))
    return out


def _people(groups: list[Group], seed: int) -> Iterator[list[tuple[dict[str, Any], npt.NDArray[np.uint8]]]]:
    for group in groups:
        splits = [split for split, count in group.people.items() for _ in range(count)]
        for number, split in enumerate(splits, start=group.first):
            person = make_subject(number, seed=seed, contrasts=group.contrasts, field_t=group.field_t)
            yield list(_slices(person, group, split))


def _slices(person: Subject, group: Group, split: str) -> Iterator[tuple[dict[str, Any], npt.NDArray[np.uint8]]]:
    centre = brain_centre(person.mask.astype(np.float32))
    positions = person.affine[2, 2] * np.arange(person.mask.shape[2]) + person.affine[2, 3]
    heights = np.flatnonzero((positions >= LOW_MM) & (positions <= HIGH_MM))[:: group.every]
    for contrast, scan in person.scans.items():
        data = scan.data.astype(np.float32)
        window = (0.0, white(data))
        for height in heights:
            facts = _facts(person, contrast, int(height), float(positions[height]), group.field_t)
            yield {**facts, "split": split, "caption": prompt_of(facts)}, _picture(person, data, int(height), centre, window)  # fmt: skip  # noqa: E501


def _facts(person: Subject, contrast: str, height: int, position_mm: float, field_t: float) -> dict[str, Any]:
    name = f"phantom{field_t:g}T_sub-{person.name}_{contrast}"
    return {
        "volume_id": f"{name}@{name}",
        "plane": "axial",
        "index": height,
        "sequence": contrast,
        "field_strength_t": field_t,
        "position_mm": position_mm,
        "person": f"phantom{field_t:g}T/{person.name}",
        "pixel_mm": VIEW.pixel_mm,
        "displayed_side": VIEW.side("axial"),
    }


def _picture(
    person: Subject,
    data: npt.NDArray[np.float32],
    height: int,
    centre: npt.NDArray[np.float64],
    window: tuple[float, float],
) -> npt.NDArray[np.uint8]:
    pixels = pixel_grid(person.affine, "axial", height, centre, VIEW).mapped(np.linalg.inv(person.affine))
    return draw(data, pixels, pixels, data.shape, window, VIEW.size)
