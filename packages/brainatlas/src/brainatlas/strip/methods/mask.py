"""A scan with a mask of its own in (the cohort's, or one of a folder the user names), that mask out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from brainatlas.cohorts import Scan
from brainatlas.strip.methods import StripSettings
from braincaption.errors import ScanError
from braincaption.nifti import Volume, load_labels, same_grid


def find_brain(volume: Volume, scan: Scan, settings: StripSettings) -> npt.NDArray[np.bool_]:
    """Return the mask the user has; it must lie on the scan's grid."""
    path = _in_folder(settings.masks, scan) if settings.masks else scan.mask
    if path is None:
        where = str(settings.masks) if settings.masks else f"the cohort of {scan.image}"
        raise ScanError(
            f"no mask for {scan.scan_id} in {where}, wanted {scan.stem}_{scan.suffix}_mask.nii.gz or a BIDS mask: add "
            "it, or strip with another method"
        )
    mask = load_labels(path)
    if scan.affine is None and not same_grid(volume, mask):
        raise ScanError(
            f"{path} has shape {mask.data.shape}, its scan {volume.data.shape}, or their affines differ: resample the "
            "mask to the scan's grid"
        )
    if mask.data.shape != volume.data.shape:
        raise ScanError(f"{path} has shape {mask.data.shape}, its scan {volume.data.shape}: resample the mask")
    return mask.data.astype(bool)


def _in_folder(folder: Path, scan: Scan) -> Path | None:
    """Return the best match below `folder`: named after scan id, stem and suffix, or BIDS space/desc entities."""
    patterns = (
        f"{scan.scan_id}*mask.nii.gz",
        f"{scan.stem}_{scan.suffix}*mask.nii.gz",
        f"{scan.stem}_space-{scan.suffix}_*mask.nii.gz",
        f"{scan.stem}_mask.nii.gz",
        f"{scan.stem}_desc-*_mask.nii.gz",
    )
    return next((hit for pattern in patterns for hit in sorted(folder.rglob(pattern))), None)
