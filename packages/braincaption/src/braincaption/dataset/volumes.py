"""Native rows of a catalog in, shards of configuration ``volumes`` out: scan and label map as clean NIfTI bytes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from braincaption.dataset.columns import VOLUMES
from braincaption.dataset.facts import Facts
from braincaption.dataset.shards import Shards
from braincaption.errors import ScanError, UsageError
from braincaption.nifti import load_image, load_labels
from braincaption.outfolder import Captioned
from braincaption.progress import track

GROUP_ROWS = 1
_LEVEL = 6


def write_volumes(
    captioned: Captioned,
    facts: Facts,
    keep: Callable[[pa.Table], pa.Table],
    shards: Shards,
    failed: Callable[[str, str], None],
) -> None:
    """Write every scan on its own grid, once, with its label map.

    Scans in other spaces are left to whoever wants them: they follow from these by resampling.

    Raises
    ------
    UsageError
        The catalog has no native row.
    """
    table = captioned.catalog.table
    native = keep(table.filter(pc.equal(table["direction"], "native")))
    if native.num_rows == 0:
        raise UsageError(
            "the catalog has no scan in its own space, so there are no volumes: leave them out of --configs"
        )
    published = facts.publishable(native)
    order = pc.sort_indices(published["volume_id"])
    pairs = zip(native.take(order).to_pylist(), published.take(order).to_pylist(), strict=True)
    for source, row in track(pairs, "Writing volumes", native.num_rows):
        try:
            blobs = _blobs(captioned, source, row["image_id"])
        except ScanError as error:
            failed(source["image_id"], str(error))
            continue
        shards.append(row["split"], pa.Table.from_pylist([{**row, **blobs}], schema=VOLUMES))


def _blobs(captioned: Captioned, source: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    image = load_image(captioned.catalog.path(source["image_path"]))
    labels = load_labels(captioned.catalog.path(source["label_path"]))
    return {
        "image": {"bytes": clean_nifti(_compact(image.data), image.affine), "path": f"{name}.nii.gz"},
        "labels": {"bytes": clean_nifti(labels.data, labels.affine), "path": f"{name}_dseg.nii.gz"},
    }


def clean_nifti(data: npt.NDArray[Any], affine: npt.NDArray[np.float64]) -> bytes:
    """Return a gzipped NIfTI-1 file with a header made anew: no description, date or name of the source in it."""
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm", "sec")
    return gzip.compress(image.to_bytes(), compresslevel=_LEVEL, mtime=0)


def _compact(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return whole grey values as int16 when they fit, others as float32."""
    limits = np.iinfo(np.int16)
    whole = bool((data == np.rint(data)).all()) and limits.min <= data.min() and data.max() <= limits.max
    return data.astype(np.int16) if whole else data.astype(np.float32)
