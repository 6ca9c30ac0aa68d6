"""Real label maps in, the catalog of a cohort of the paper's size out: each person a real one moved by a random affine.

No label map is written: person n has the labels of real person n mod 12 and a random affine of her own (rotation up to
10°, scaling 0.9 to 1.1 an axis, shift up to 10 mm), which goes into ``matrix``. The spaces have the grids of the four
cohorts of the paper, in its proportions (18 : 77 : 64 : 42).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from braincaption.nifti import load_labels
from braincaption.schema import CATALOG


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One cohort of the paper: share of its people, grid and sequence."""

    name: str
    share: int
    codes: str
    shape: tuple[int, int, int]
    zooms: tuple[float, float, float]
    sequence: str
    tesla: float | None


KINDS = (
    Kind(
        name="ibsr",
        share=18,
        codes="RSA",
        shape=(256, 128, 256),
        zooms=(0.9375, 1.5, 0.9375),
        sequence="T1w",
        tesla=1.5,
    ),
    Kind(name="oasis", share=77, codes="ASL", shape=(256, 256, 160), zooms=(1.0, 1.0, 1.0), sequence="T1w", tesla=1.5),
    Kind(
        name="ixi",
        share=64,
        codes="LAS",
        shape=(256, 256, 130),
        zooms=(0.9375, 0.9375, 1.25),
        sequence="T2w",
        tesla=3.0,
    ),
    Kind(
        name="kirby", share=42, codes="RAS", shape=(180, 240, 130), zooms=(1.1, 1.1, 1.2), sequence="FLAIR", tesla=3.0
    ),
)


def kind_of(person: int, people: int) -> Kind:
    """Return the cohort of one of `people` people."""
    place = (person + 0.5) / people * sum(kind.share for kind in KINDS)
    for kind in KINDS:
        if place < kind.share:
            return kind
        place -= kind.share
    return KINDS[-1]


def moved_catalog(labels: list[Path], people: int, folder: Path, seed: int = 0) -> Path:
    """Write ``folder/catalog.parquet``: `people` × `people` volumes of the label maps `labels`.

    Parameters
    ----------
    labels : list of Path
        Real label maps.
    people : int
    folder : Path
    seed : int

    Returns
    -------
    Path
        The catalog.
    """
    rng = np.random.default_rng(seed)
    centres = [_centre(path) for path in labels]
    moves = [_random_affine(rng) for _ in range(people)]
    ages = rng.uniform(18, 95, people).round(1)
    columns: dict[str, list[object]] = {field.name: [] for field in CATALOG}
    for image in range(people):
        source, kind = image % len(labels), kind_of(image, people)
        for space in range(people):
            seen = kind_of(space, people)
            # World of the space, centred on the brain → world of the space's person → world of the image.
            matrix = _shift(centres[source]) @ moves[image] @ np.linalg.inv(moves[space])
            row = _row(image, space, kind, seen, matrix, float(ages[image]))
            row["label_path"] = os.path.relpath(labels[source], folder)
            for name, values in columns.items():
                values.append(row.get(name))
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns, schema=CATALOG), folder / "catalog.parquet", compression="zstd")
    return folder / "catalog.parquet"


def _row(
    image: int, space: int, kind: Kind, seen: Kind, matrix: npt.NDArray[np.float64], age: float
) -> dict[str, object]:
    image_id, space_id = _scan(image, kind), _scan(space, seen)
    return {
        "volume_id": f"{image_id}@{space_id}",
        "image_id": image_id,
        "space_id": space_id,
        "image_subject": f"{kind.name}/{image:03d}",
        "space_subject": f"{seen.name}/{space:03d}",
        "image_path": "",
        "mask_path": "",
        "space_path": "",
        "label_origin": "manual",
        "label_subjects": [f"{kind.name}/{image:03d}"],
        "direction": "native" if image == space else "forward" if image > space else "inverse",
        "matrix": [float(value) for value in matrix[:3].reshape(-1)],
        "space_affine": [float(value) for value in _grid(seen)[:3].reshape(-1)],
        "shape": list(seen.shape),
        "zooms": list(seen.zooms),
        "axcodes": seen.codes,
        "sequence": kind.sequence,
        "field_strength_t": kind.tesla,
        "age": age if image % 10 else None,
        "sex": "FM"[image % 2] if image % 7 else None,
        "cohort": kind.name,
        "licence": "benchmark",
    }


def _scan(person: int, kind: Kind) -> str:
    return f"{kind.name}_sub-{person:03d}_{kind.sequence}"


def _grid(kind: Kind) -> npt.NDArray[np.float64]:
    turn = nib.orientations.axcodes2ornt(tuple(kind.codes))
    affine = np.eye(4)
    affine[:3, :3] = 0.0
    for axis, (world, sign) in enumerate(turn.astype(int)):
        affine[world, axis] = sign * kind.zooms[axis]
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(kind.shape) - 1) / 2)
    return affine


def _centre(path: Path) -> npt.NDArray[np.float64]:
    volume = load_labels(path)
    inside = np.argwhere(volume.data).mean(axis=0)
    return np.asarray(volume.affine[:3, :3] @ inside + volume.affine[:3, 3])


def _shift(by: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    affine = np.eye(4)
    affine[:3, 3] = by
    return affine


def _random_affine(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    angles = np.radians(rng.uniform(-10, 10, 3))
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        one = np.eye(3)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        one[i, i] = one[j, j] = np.cos(angle)
        one[i, j], one[j, i] = -np.sin(angle), np.sin(angle)
        turn = turn @ one
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(rng.uniform(0.9, 1.1, 3))
    affine[:3, 3] = rng.uniform(-10, 10, 3)
    return affine
