"""Rows of the catalog in, NIfTI files out: each scan and its labels resampled once, into the space of the row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brainatlas.catalog.rows import read_catalog
from brainatlas.geometry import Matrix, from_row, voxel_map
from brainatlas.niftifile import small_integers, write_nifti
from brainatlas.record import write_json
from brainatlas.sampling import sample_linear, sample_nearest
from braincaption.atomic import remove_leftovers
from braincaption.errors import ScanError, UsageError
from braincaption.failures import FailureLog
from braincaption.nifti import load_image, load_labels
from braincaption.progress import track

STAGE = "materialize"


def materialize(out: Path, dest: Path, volumes: Sequence[str] = ()) -> int:
    """Write the chosen rows as ``<volume_id>_image.nii.gz`` and ``<volume_id>_dseg.nii.gz``; all when none is named.

    Returns
    -------
    int
        Number of rows written now; what is there already is kept.

    Raises
    ------
    UsageError
        There is no catalog, or no such volume in it; nothing is written.
    PartialFailure
        Some rows could not be written.
    """
    chosen = _chosen(read_catalog(out), volumes, out)
    remove_leftovers(dest)
    log, number = FailureLog(dest, STAGE), 0
    for row in track(chosen, "volumes", total=len(chosen)):
        try:
            number += write_volume(row, out, dest)
        except ScanError as error:
            log.add(row["volume_id"], str(error))
    log.close()
    return number


def _chosen(table: pa.Table, volumes: Sequence[str], out: Path) -> list[dict[str, Any]]:
    if volumes:
        missing = sorted(set(volumes) - set(table["volume_id"].to_pylist()))
        if missing:
            raise UsageError(
                f"{out / 'catalog.parquet'} has no volume {missing[0]!r}: an id is IMAGE_ID@SPACE_ID, as in its column "
                "volume_id"
            )
        table = table.filter(pc.is_in(table["volume_id"], value_set=pa.array(volumes)))
    return table.to_pylist()


def write_volume(row: dict[str, Any], out: Path, dest: Path) -> bool:
    """Write image, labels and sidecar of one row; False where they stand already."""
    image_file, label_file = (dest / f"{row['volume_id']}_{kind}.nii.gz" for kind in ("image", "dseg"))
    sidecar = dest / f"{row['volume_id']}_image.json"
    described = {key: row[key] for key in ("volume_id", "matrix", "space_affine", "shape", "label_origin", "direction")}
    if sidecar.exists() and image_file.exists() and label_file.exists():
        return False
    image, labels, affine = resample_row(row, out)
    write_nifti(image_file, image, affine)
    write_nifti(label_file, small_integers(labels), affine)
    write_json(sidecar, described)
    return True


def resample_row(row: dict[str, Any], out: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], Matrix]:
    """Return the image (float32, trilinear), the labels (uint16, nearest) and the affine of one row."""
    space_affine, matrix = from_row(row["space_affine"]), from_row(row["matrix"])
    shape = (int(row["shape"][0]), int(row["shape"][1]), int(row["shape"][2]))
    image, labels = load_image(out / row["image_path"]), load_labels(out / row["label_path"])
    return (
        sample_linear(image.data, voxel_map(space_affine, matrix, image.affine), shape),
        sample_nearest(labels.data.astype(np.uint16), voxel_map(space_affine, matrix, labels.affine), shape),
        space_affine,
    )
