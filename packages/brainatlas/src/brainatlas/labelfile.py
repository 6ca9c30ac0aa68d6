"""Label maps in, ``desc-<method>_dseg`` with its table and sidecar out: the atlas' copied, voted ones written.

The atlas' own labels are written into OUT too, so that OUT can be moved as a whole: ``desc-manual``, or
``desc-carried`` where they were voted in another OUT.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainatlas.cohorts import Scan
from brainatlas.cohorts.numbering import read_names as names_beside
from brainatlas.cohorts.numbering import recognise, recognise_names
from brainatlas.geometry import Matrix
from brainatlas.layout import Place, place_of
from brainatlas.niftifile import refuse_damaged, small_integers, write_nifti
from brainatlas.record import BLOCK, CARRIED, MANUAL, OWN, checksum, read_json, write_json
from brainatlas.strip.stage import read_scan
from braincaption.atomic import atomic_path
from braincaption.errors import ScanError
from braincaption.lut import load_lut
from braincaption.nifti import Volume, load_labels, same_grid


def labels_are_current(scan: Scan, out: Path) -> bool:
    """Tell whether OUT holds the labels that `scan` brings, as they are now."""
    place = place_of(out, scan)
    own = own_name(scan)
    record = place.label_record(own)
    if scan.labels is None or not (record.exists() and place.labels(own).exists() and scan.labels.exists()):
        return False
    return bool(read_json(record).get(BLOCK, {}).get("source_sha256") == checksum(scan.labels))


def own_name(scan: Scan) -> str:
    """Return what the labels that `scan` brings are called in OUT."""
    return MANUAL if scan.label_origin in (None, MANUAL) else CARRIED


def carry_labels(scan: Scan, out: Path, numbering: str | None = None) -> None:
    """Copy the labels of an atlas scan into OUT, checked.

    Parameters
    ----------
    scan : Scan
    out : Path
    numbering : str or None
        Table that the atlas' ids belong to, where that is known.

    Raises
    ------
    ScanError
        The label map cannot be read, lies on another grid than its image, or is numbered otherwise.
    """
    if scan.labels is None:
        return
    refuse_damaged(scan.labels)
    image, labels = read_scan(scan), load_labels(scan.labels)
    if scan.affine is not None and labels.data.shape == image.data.shape:
        labels = Volume(data=labels.data, affine=image.affine, path=labels.path)
    if not same_grid(image, labels):
        raise ScanError(
            f"{scan.labels} has shape {labels.data.shape}, its image {image.data.shape}, or their affines differ: "
            "resample the labels to the image's grid (nearest neighbour)"
        )
    own = _numbering(scan.labels, labels.data)
    if own is not None and numbering is not None and own != numbering:
        raise ScanError(
            f"{scan.labels} is numbered as {own}, the atlas as {numbering}, and the same number means another "
            "structure: renumber it, or leave it out"
        )
    place, name = place_of(out, scan), own_name(scan)
    for other in OWN:
        if other != name:
            place.label_record(other).unlink(missing_ok=True)
            place.labels(other).unlink(missing_ok=True)
    write_labels(
        place,
        name,
        labels.data,
        image.affine,
        names=_names_of(scan.labels, labels.data),
        record={
            "label_origin": scan.label_origin or MANUAL,
            "label_subjects": list(scan.label_subjects) or [scan.person],
            "numbering": own,
            "source_sha256": checksum(scan.labels),
        },
    )


def _numbering(path: Path, labels: npt.NDArray[np.generic]) -> str | None:
    return recognise_names(names_beside(path)) or recognise(int(label) for label in np.unique(labels))


def write_labels(
    place: Place,
    method: str,
    labels: npt.NDArray[np.generic],
    affine: Matrix,
    *,
    names: dict[int, str],
    record: dict[str, Any],
) -> None:
    """Write a label map, the table of the structures in it and, last, its sidecar with `record` in it."""
    place.label_record(method).unlink(missing_ok=True)
    write_nifti(place.labels(method), small_integers(labels), affine)
    present = [int(label) for label in np.unique(labels) if label]
    write_names(place.label_names(method), {label: names[label] for label in present if label in names})
    write_json(
        place.label_record(method),
        {
            "Manual": method == MANUAL,
            "SpatialReference": place.reference,
            "Sources": [place.reference],
            BLOCK: record,
        },
    )


def _names_of(path: Path, labels: npt.NDArray[np.generic]) -> dict[int, str]:
    """Return the source's own names (its ``dseg.tsv``), completed from the built-in table its numbers belong to.

    Ids that neither names are left out, so that later stages report them as unknown instead of meeting a made-up name.
    """
    present = [int(label) for label in np.unique(labels) if label]
    own, numbering = names_beside(path), _numbering(path, labels)
    if numbering is None:
        return own
    table = load_lut(numbering)
    return {**{label: table.name(label) for label in present if label in table}, **own}


def read_names(path: Path) -> dict[int, str]:
    """Read a BIDS table of structures (columns ``index``, ``name``); empty where there is none."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    try:
        return {int(row["index"]): row["name"] for row in rows}
    except (KeyError, ValueError, TypeError):
        raise ScanError(f"{path} has no columns index and name with whole numbers: repair it or remove it") from None


def write_names(path: Path, names: dict[int, str]) -> None:
    """Write a BIDS table of structures."""
    with atomic_path(path) as aside, aside.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(("index", "name"))
        writer.writerows((label, names[label]) for label in sorted(names))
