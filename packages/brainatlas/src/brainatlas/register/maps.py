"""Two scans of OUT in, the point map from one to the other out: composed through the template, or read (pairwise)."""

from __future__ import annotations

import numpy as np

from brainatlas.geometry import Matrix, compose, read_itk
from brainatlas.layout import Place
from brainatlas.register.job import TEMPLATE
from braincaption.errors import ScanError


def point_map(space: Place, image: Place, scheme: str = "template") -> Matrix:
    """Return the map from a point of `space` to the point of `image`, world RAS mm, shape (4, 4).

    Raises
    ------
    ScanError
        A transform is missing or damaged: the scan was not registered.
    """
    if space == image:
        return np.eye(4)
    if scheme == "template":
        return compose(from_template(space), from_template(image))
    there, back = image.transform(space.scan_id), space.transform(image.scan_id)
    if there.exists():
        return read_itk(there)
    if back.exists():
        return np.asarray(np.linalg.inv(read_itk(back)), dtype=np.float64)
    raise ScanError(f"{image.scan_id} and {space.scan_id} are not registered: run brain atlas register again")


def from_template(place: Place) -> Matrix:
    """Return the map template → scan.

    Raises
    ------
    ScanError
        The scan was not registered.
    """
    path = place.transform(TEMPLATE)
    if not path.exists():
        raise ScanError(f"{place.scan_id} is not registered: run brain atlas register again")
    return read_itk(path)
