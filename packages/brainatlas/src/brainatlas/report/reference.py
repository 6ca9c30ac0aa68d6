"""An OUT in, what its scans were registered to out: the template, or (pairwise) the first atlas scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brainatlas.geometry import Matrix, bounding_box, crop_affine
from brainatlas.layout import Place
from brainatlas.order import rank
from brainatlas.record import read_records
from brainatlas.register.maps import from_template, point_map
from brainatlas.register.template import load_template
from brainatlas.settings import OutSettings
from braincaption.errors import BrainError
from braincaption.nifti import load_image, load_labels


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The brain that registration overlays show beside each scan.

    Attributes
    ----------
    name : str
    data : ndarray of float32, shape (i, j, k)
    mask : ndarray of bool, shape (i, j, k)
    affine : ndarray, shape (4, 4)
        Voxel → world RAS, mm.
    place : Place or None
        The atlas scan it is; None for the template.
    """

    name: str
    data: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    affine: Matrix
    place: Place | None = None

    def from_scan(self, scan: Place) -> Matrix:
        """Return the map from a point of `scan` to the point of the reference; ScanError where not registered."""
        if self.place is None:
            return np.asarray(np.linalg.inv(from_template(scan)))
        return point_map(scan, self.place, "pairwise")


def find_reference(out: Path, settings: OutSettings, template: Path | None) -> Reference | None:
    """Return the reference of `out`; None where its template is a file that is not at hand any more."""
    if settings.scheme == "pairwise":
        atlas = [record for record in sorted(read_records(out), key=rank(out)) if record.labelled]
        if not atlas:
            return None
        image, mask = load_image(atlas[0].place.brain), load_labels(atlas[0].place.mask)
        return _cropped(atlas[0].scan_id, image.data, mask.data.astype(bool), image.affine, atlas[0].place)
    try:
        found = load_template(template)
    except BrainError:
        return None
    if found.sha256 != settings.template_sha256:
        return None
    return _cropped(found.name, found.data, found.mask, found.affine, None)


def _cropped(
    name: str, data: npt.NDArray[np.generic], mask: npt.NDArray[np.bool_], affine: Matrix, place: Place | None
) -> Reference:
    box = bounding_box(mask, 1)
    return Reference(
        name=name,
        data=np.asarray(data[box], dtype=np.float32),
        mask=mask[box],
        affine=crop_affine(affine, box),
        place=place,
    )
