"""A synthetic OUT of braincaption: seven scans of six people on grids of three orders, each seen in each space."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from braincaption.orientation import axcodes, slice_axes
from braincaption.schema import CAPTIONS, CATALOG, SLICES

LEFT, RIGHT, HIPPOCAMPUS = 2, 41, 17
LICENCE = {"atlas": "CC-BY-4.0", "new": "CC-BY-4.0"}
COHORTS = {
    name: {"licence": LICENCE[name], "redistribution": "yes", "stripped": True, "citation": f"The {name} study, 2020."}
    for name in LICENCE
}
# scan id, person, orientation, voxel mm, age, sex: new/k was scanned twice, as in Kirby21; new/old is above ninety.
SCANS = [
    ("atlas_sub-1_T1w", "atlas/1", "RAS", (6.0, 6.0, 6.0), 34.0, "F"),
    ("atlas_sub-2_T1w", "atlas/2", "LAS", (6.0, 6.0, 6.0), 51.0, "M"),
    ("new_sub-k_run-1_FLAIR", "new/k", "ASL", (7.0, 7.0, 7.0), 22.0, "M"),
    ("new_sub-k_run-2_FLAIR", "new/k", "PSR", (7.0, 7.0, 7.0), 22.0, "M"),
    ("new_sub-old_T2w", "new/old", "RAS", (6.0, 6.0, 9.0), 93.0, "F"),
    ("new_sub-m_T1w", "new/m", "LPI", (6.0, 6.0, 6.0), None, None),
    ("new_sub-n_T1w", "new/n", "RAS", (6.0, 6.0, 6.0), 45.0, "O"),
]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Synthetic:
    """The folder and what it was made from."""

    path: Path
    affines: dict[str, Matrix]
    matrices: dict[str, Matrix]


def grid_affine(codes: str, zooms: tuple[float, ...], shape: tuple[int, ...]) -> Matrix:
    """Affine with the given axis codes whose centre voxel lies at the world's origin."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, code in enumerate(codes):
        world, sign = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}[code]
        affine[world, axis] = sign * zooms[axis]
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def head(affine: Matrix, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint16]]:
    """An ellipsoid: left half dark, right half bright, brighter towards the top; a left-only hippocampus."""
    voxels = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(voxels @ affine[:3, :3].T + affine[:3, 3], -1, 0)
    brain = (x / 60) ** 2 + (y / 75) ** 2 + (z / 55) ** 2 <= 1
    labels = np.where(x < 0, LEFT, RIGHT)
    labels[(np.abs(x + 25) < 9) & (np.abs(y + 5) < 14) & (np.abs(z + 10) < 9)] = HIPPOCAMPUS
    image = np.where(x < 0, 60.0, 100.0) + 0.2 * z + 0.1 * y
    return np.where(brain, image, 0).astype(np.float32), np.where(brain, labels, 0).astype(np.uint16)


def structures(labels: npt.NDArray[np.uint16], mm3: float) -> list[dict[str, Any]]:
    """The structures of one slice, largest first."""
    found, voxels = np.unique(labels[labels > 0], return_counts=True)
    pairs = sorted(zip(found.tolist(), voxels.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    return [{"label": label, "voxels": n, "volume_mm3": n * mm3} for label, n in pairs]


def build(out: Path, roots: Path, cohorts: dict[str, Any] | None = None, shards: int = 3) -> Synthetic:
    """Write scans below `roots` and catalog, slices and captions below `out`."""
    affines, volumes, heads = {}, {}, {}
    for scan, _, codes, zooms, _, _ in SCANS:
        shape = tuple(
            int(np.ceil({"R": 144, "L": 144, "A": 174, "P": 174}.get(c, 132) / z))
            for c, z in zip(codes, zooms, strict=True)
        )
        affines[scan] = grid_affine(codes, zooms, shape)
        heads[scan] = head(affines[scan], shape)
        for kind, data in zip(("image", "label", "mask"), _stored(*heads[scan]), strict=True):
            volumes[scan, kind] = roots / f"{scan}_{kind}.nii.gz"
            volumes[scan, kind].parent.mkdir(parents=True, exist_ok=True)
            nib.Nifti1Image(data, affines[scan]).to_filename(volumes[scan, kind])
    matrices: dict[str, Matrix] = {}
    rows, slices, captions = [], [], []
    for i, image in enumerate(SCANS):
        for s, space in enumerate(SCANS):
            matrix = np.eye(4)
            if i != s:
                matrix[:3, 3] = [2.0 * (i - s), -1.5 * (i - s), 1.0]
            row = catalog_row(image, space, matrix, affines[space[0]], heads[space[0]][0].shape, volumes)
            rows.append(row)
            matrices[row["volume_id"]] = matrix
            seen = moved(heads[image[0]][1], affines[image[0]], matrix, affines[space[0]], heads[space[0]][0].shape)
            slices += slice_rows(row, seen, affines[space[0]])
    slices.sort(key=lambda r: (r["volume_id"].encode(), r["plane"], r["index"]))
    captions = [caption(row) for row in slices]
    rows.sort(key=lambda row: row["volume_id"].encode())
    metadata = {"brain.cohorts": json.dumps(COHORTS if cohorts is None else cohorts)}
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=CATALOG.with_metadata(metadata)), out / "catalog.parquet")
    write_parts(out / "slices", slices, SLICES, shards)
    write_parts(out / "captions", captions, CAPTIONS, shards)
    return Synthetic(out, affines, matrices)


def _stored(image: Any, labels: Any) -> tuple[Any, Any, Any]:
    return image, labels, (labels > 0).astype(np.uint8)


def catalog_row(image: Any, space: Any, matrix: Matrix, affine: Matrix, shape: Any, volumes: Any) -> dict[str, Any]:
    """One row of the catalog."""
    cohort = image[1].split("/")[0]
    return {
        "volume_id": f"{image[0]}@{space[0]}",
        "image_id": image[0],
        "space_id": space[0],
        "image_subject": image[1],
        "space_subject": space[1],
        "image_path": str(volumes[image[0], "image"]),
        "label_path": str(volumes[image[0], "label"]),
        "mask_path": str(volumes[image[0], "mask"]),
        "space_path": str(volumes[space[0], "image"]),
        "label_origin": "manual" if cohort == "atlas" else "vote:majority",
        "label_subjects": [image[1]] if cohort == "atlas" else ["atlas/1", "atlas/2"],
        "direction": "native" if image[0] == space[0] else "forward" if image[0] > space[0] else "inverse",
        "matrix": matrix[:3].ravel().tolist(),
        "space_affine": affine[:3].ravel().tolist(),
        "shape": list(shape),
        "zooms": np.linalg.norm(affine[:3, :3], axis=0).tolist(),
        "axcodes": axcodes(affine),
        "sequence": image[0].rpartition("_")[2],
        "field_strength_t": 3.0,
        "age": image[4],
        "sex": image[5],
        "cohort": cohort,
        "licence": LICENCE[cohort],
    }


def moved(labels: Any, image: Matrix, matrix: Matrix, space: Matrix, shape: Any) -> npt.NDArray[np.uint16]:
    """Nearest-neighbour resampling, the slow and plain way."""
    voxels = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    total = np.linalg.inv(image) @ matrix @ space
    at = np.floor(voxels @ total[:3, :3].T + total[:3, 3] + 0.5).astype(int)
    inside = ((at >= 0) & (at < labels.shape)).all(axis=-1)
    at[~inside] = 0
    return np.where(inside, labels[at[..., 0], at[..., 1], at[..., 2]], 0).astype(np.uint16)


def slice_rows(row: dict[str, Any], seen: npt.NDArray[np.uint16], affine: Matrix) -> list[dict[str, Any]]:
    """The slice table of one volume."""
    kept = {name: row[name] for name in SLICES.names if name in row}
    mm3 = float(abs(np.linalg.det(affine[:3, :3])))
    rows = []
    for plane, stack in slice_axes(affine).items():
        for index in range(seen.shape[stack.axis]):
            shown = structures(np.take(seen, index, axis=stack.axis), mm3)
            if shown:
                centre = (np.array(seen.shape) - 1) / 2
                centre[stack.axis] = index
                position = float((affine[:3, :3] @ centre + affine[:3, 3])[stack.world])
                facts = {"plane": plane, "index": index, "position_mm": position, "structures": shown}
                rows.append({**kept, **facts, "oblique_deg": 0.0, "thickness_mm": stack.thickness_mm})
    return rows


def caption(row: dict[str, Any]) -> dict[str, Any]:
    """A caption with the facts that the tests look for."""
    who = "" if row["age"] is None else f" of a {row['age']:.0f}-year-old"
    said = f"A {row['plane']} {row['sequence']} slice{who}, {row['position_mm']:.0f} mm from the centre."
    return {name: row[name] for name in ("volume_id", "plane", "index")} | {"template": 0, "caption": said}


def write_parts(folder: Path, rows: list[dict[str, Any]], schema: pa.Schema, shards: int) -> None:
    """Cut the rows into shards, at any row."""
    folder.mkdir(parents=True, exist_ok=True)
    bounds = np.linspace(0, len(rows), shards + 1).astype(int)
    for number in range(shards):
        table = pa.Table.from_pylist(rows[bounds[number] : bounds[number + 1]], schema=schema)
        pq.write_table(table, folder / f"part-{number:05d}-of-{shards:05d}.parquet", compression="zstd")


@pytest.fixture(scope="session")
def load() -> Callable[[str], ModuleType]:
    """Import a module that lies beside the tests (they are no package)."""

    def by_name(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"beside_{name}", Path(__file__).with_name(f"{name}.py"))
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    return by_name


@pytest.fixture(scope="session")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Synthetic:
    """The synthetic OUT, made once."""
    folder = tmp_path_factory.mktemp("captioned")
    return build(folder / "out", folder / "scans")
