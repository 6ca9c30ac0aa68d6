"""One image of a layout in, the checked scan out: header, labels and mask on its grid, what is known of its person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from brainatlas.cohorts import source
from brainatlas.cohorts.acquisition import acquired
from brainatlas.cohorts.folder import Folder
from brainatlas.cohorts.found import Found
from brainatlas.cohorts.header import Grid, read_grid
from brainatlas.cohorts.labels import label_origin
from brainatlas.cohorts.model import Scan
from braincaption.errors import ScanError


def make_scan(found: Found, scan_id: str, folder: Folder) -> Scan:
    """Read one image's header and put together what is known of it.

    Raises
    ------
    ScanError
        The image cannot be used, or its labels lie on another grid.
    """
    image = folder.tree.path(found.image)
    own = read_grid(image)
    affine = source.repaired_affine(own, folder.recipe, found.image)
    grid = own if affine is None else replace(own, affine=np.asarray(affine, dtype=np.float64))
    listed = folder.people.find(found.row, found.session)
    person = replace(
        listed,
        age=listed.age if found.facts.age is None else found.facts.age,
        sex=found.facts.sex or listed.sex,
        key=found.facts.key or listed.key,
    )
    labels = _labels(found, grid, folder)
    origin, carried = label_origin(labels)
    return Scan(
        scan_id=scan_id,
        cohort=folder.cohort.name,
        person=f"{folder.cohort.name}/{person.key or found.person}",
        subject=found.subject,
        session=found.session,
        stem=found.name.stem,
        suffix=found.name.suffix,
        entities=found.name.entities,
        image=image,
        labels=labels,
        label_origin=origin,
        label_subjects=carried,
        mask=_mask(found, grid, folder),
        stripped=found.stripped,
        affine=None if affine is None else grid.affine,
        licence=found.licence or folder.cohort.licence,
        redistribution=found.redistribution or folder.cohort.redistribution,
        age=person.age,
        sex=person.sex,
        **acquired(found.acquisition),
    )


def _labels(found: Found, grid: Grid, folder: Folder) -> Path | None:
    if folder.labels is None:
        return None
    path = folder.labels.of(found)
    if path is None and found.labels is not None:
        path = folder.tree.path(found.labels)
    if path is None:
        return None
    of_labels = _grid_like(path, grid, folder)
    if not of_labels.matches(grid):
        raise ScanError(
            f"labels {path.name} lie on another grid ({_shown(of_labels)}) than {found.image} ({_shown(grid)}): "
            "resample them to the image by nearest neighbour, or leave the scan out"
        )
    return path


def _grid_like(path: Path, image: Grid, folder: Folder) -> Grid:
    # Labels and masks of a source whose headers lie carry the same lie.
    own = read_grid(path)
    return replace(own, affine=image.affine) if own.analyze and image.analyze and folder.recipe else own


def _mask(found: Found, grid: Grid, folder: Folder) -> Path | None:
    try:
        path = folder.tree.path(found.mask) if found.mask else folder.masks.of(found)
        return path if path is not None and _grid_like(path, grid, folder).matches(grid) else None
    except ScanError:
        return None  # a mask is an offer: without a usable one the scan is stripped as any other


def _shown(grid: Grid) -> str:
    return "×".join(map(str, grid.shape)) + " at " + "×".join(f"{zoom:.3g}" for zoom in grid.zooms) + " mm"
