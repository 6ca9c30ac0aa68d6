"""One scan of OUT in, its part of the report out: pictures, volumes, agreement with the truth, what is odd about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from brainatlas.labelfile import read_names
from brainatlas.layout import Place
from brainatlas.record import BLOCK, OWN, Record, read_json
from brainatlas.report import tiles
from brainatlas.report.reference import Reference
from brainatlas.report.truth import Truth
from brainatlas.validation.overlap import Agreement, agreement, merge_parcels
from braincaption.errors import ScanError
from braincaption.nifti import Volume, load_image, load_labels

MASK_COLOUR = (255, 64, 96)
REFERENCE_COLOUR = (64, 224, 208)
UNSURE = 0.6  # mean confidence below which a scan's labels are flagged
HEAD_MARGIN_MM = 22.0
OVERLAP = 0.85  # Dice of brain masks below which a registration is flagged


@dataclass(frozen=True, kw_only=True)
class Row:
    """A structure of one scan: name, volume, mean confidence, and Dice where the truth is known."""

    label: int
    name: str
    volume_ml: float
    confidence: float | None = None
    truth: Agreement | None = None


@dataclass(kw_only=True)
class ScanSection:
    """What the page shows of one scan; pictures are data URIs, empty where there is nothing to show.

    Attributes
    ----------
    overlap : float or None
        Dice of the scan's brain mask and the reference's carried to it.
    flags : list of str
        What is odd, each with its reason.
    """

    record: Record
    method: str
    mask_picture: str = ""
    label_picture: str = ""
    doubt_picture: str = ""
    registration: tuple[str, str] | None = None
    overlap: float | None = None
    rows: list[Row] = field(default_factory=list)
    note: str = ""
    voters: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    merged: bool = False
    on_head: bool = False

    @property
    def mean_dice(self) -> float | None:
        """Mean Dice over the structures that are there to be found."""
        known = [row.truth.dice for row in self.rows if row.truth is not None and row.truth.true_volume_mm3]
        return float(np.mean(known)) if known else None

    @property
    def mean_confidence(self) -> float | None:
        """Mean confidence over all labelled voxels, weighted by volume."""
        sure = [(row.confidence, row.volume_ml) for row in self.rows if row.confidence is not None]
        total = sum(volume for _, volume in sure)
        return sum(confidence * volume for confidence, volume in sure) / total if total else None


def methods_of(place: Place) -> list[str]:
    """Return the fusion methods whose labels of a scan stand in OUT, sorted; ``manual`` for an atlas scan."""
    pattern = f"{place.stem}_space-{place.suffix}_desc-*_dseg.json"
    return sorted(path.name.split("_desc-")[1].removesuffix("_dseg.json") for path in place.folder.glob(pattern))


def describe_scan(
    record: Record,
    method: str,
    *,
    reference: Reference | None,
    truth: Truth | None,
    names: Mapping[int, str],
    head: Volume | None,
) -> ScanSection:
    """Read one scan's outputs and put its section together.

    Parameters
    ----------
    record : Record
    method : str
        Whose labels are shown: a fuser's, ``manual``, or "" where there are none.
    reference : Reference or None
    truth : Truth or None
    names : mapping of int to str
        What labels are called that the scan's own table leaves unnamed.
    head : Volume or None
        The scan as it came, to show the mask on; None shows it on the stripped scan.

    Raises
    ------
    ScanError
        Its brain or mask cannot be read.
    """
    section = ScanSection(record=record, method=method, flags=list(record.flags))
    image, mask = load_image(record.place.brain), load_labels(record.place.mask)
    inside = mask.data.astype(bool)
    view = tiles.view_of(inside, image.affine)
    levels = np.percentile(image.data[inside], (1, 99.5)) if inside.any() else np.array([0.0, 1.0])
    base = tiles.grey(tiles.mosaic(image.data, image.affine, view), min(float(levels[0]), 0.0), float(levels[1]))
    edge = tiles.mosaic(inside.astype(np.uint8), image.affine, view, nearest=True) > 0
    section.mask_picture = _mask_picture(image if head is None else head, mask, 8.0 if head is None else HEAD_MARGIN_MM)
    section.on_head = head is not None
    if reference is not None:
        _show_registration(section, reference, view, base, edge)
    if method:
        _show_labels(section, image, view, base, edge, truth, names)
    return section


def _mask_picture(shown: Volume, mask: Volume, margin_mm: float) -> str:
    inside = mask.data.astype(bool)
    view = tiles.view_of(inside, mask.affine, margin_mm)
    levels = np.percentile(shown.data[inside], (1, 99.5)) if inside.any() else np.array([0.0, 1.0])
    base = tiles.grey(tiles.mosaic(shown.data, shown.affine, view), min(float(levels[0]), 0.0), float(levels[1]))
    edge = tiles.mosaic(inside.astype(np.uint8), mask.affine, view, nearest=True) > 0
    return tiles.data_uri(tiles.outline(base, edge, MASK_COLOUR))


def _show_registration(
    section: ScanSection,
    reference: Reference,
    view: tiles.View,
    base: tiles.Picture,
    brain: npt.NDArray[np.bool_],
) -> None:
    try:
        world = reference.from_scan(section.record.place)
    except ScanError as error:
        section.flags.append(str(error))
        return
    seen = tiles.mosaic(reference.data, reference.affine, view, world=world)
    border = tiles.mosaic(reference.mask.astype(np.uint8), reference.affine, view, world=world, nearest=True) > 0
    bright = float(np.percentile(reference.data[reference.mask], 99.5))
    moved = tiles.outline(tiles.grey(seen, 0.0, bright), border, REFERENCE_COLOUR)
    section.registration = (tiles.data_uri(tiles.outline(base, border, REFERENCE_COLOUR)), tiles.data_uri(moved))
    total = np.count_nonzero(brain) + np.count_nonzero(border)
    section.overlap = 2 * float(np.count_nonzero(brain & border)) / total if total else 0.0
    if section.overlap < OVERLAP:
        section.flags.append(
            f"brain mask and registered {reference.name} overlap by a Dice of {section.overlap:.2f}, below {OVERLAP}: "
            "look at the mask and the registration"
        )


def _show_labels(
    section: ScanSection,
    image: Volume,
    view: tiles.View,
    base: tiles.Picture,
    brain: npt.NDArray[np.bool_],
    truth: Truth | None,
    names: Mapping[int, str],
) -> None:
    place, method = section.record.place, section.method
    labels = load_labels(place.labels(method))
    drawn = tiles.mosaic(merge_parcels(_uint16(labels)), labels.affine, view, nearest=True)
    section.label_picture = tiles.data_uri(tiles.paint(base, drawn))
    confidence = load_image(place.confidence(method)) if place.confidence(method).exists() else None
    if confidence is not None:
        sure = tiles.mosaic(confidence.data, confidence.affine, view, nearest=True)
        section.doubt_picture = tiles.data_uri(tiles.heat(base, sure, brain))
    block = read_json(place.label_record(method)).get(BLOCK, {})
    section.voters = [str(voter) for voter in block.get("voters", [])]
    section.note = str(block.get("note") or "")
    section.rows = _rows(section, labels, confidence, truth, image, names)
    mean = section.mean_confidence
    if mean is not None and mean < UNSURE:
        section.flags.append(f"mean confidence of the labels is {mean:.2f}, below {UNSURE}: look at the registration")
    for row in section.rows:
        if row.volume_ml == 0:
            section.flags.append(f"{row.name} ({row.label}) was not found, though the truth has it")


def _rows(
    section: ScanSection,
    labels: Volume,
    confidence: Volume | None,
    truth: Truth | None,
    image: Volume,
    names: Mapping[int, str],
) -> list[Row]:
    own = read_names(section.record.place.label_names(section.method))
    known_names = {**names, **{label: name for label, name in own.items() if name != f"label-{label}"}}
    found, true = _uint16(labels), None
    if truth is not None and section.method not in OWN:
        known, reason = truth.of(section.record, image)
        if reason:
            section.flags.append(f"no Dice: {reason}")
        true = None if known is None else _uint16(known)
    if true is not None:
        # Hand-drawn maps often have cortex in parcels where an atlas has it whole: both are compared whole.
        section.merged = any(np.any((part >= 1000) & (part < 3000)) for part in (found, true))
        if section.merged:
            found, true = merge_parcels(found), merge_parcels(true)
    agreed = agreement(found, found if true is None else true, labels.affine)
    sums = None if confidence is None else np.bincount(found.ravel(), weights=confidence.data.ravel(), minlength=65536)
    sizes = np.bincount(found.ravel(), minlength=65536)
    return [
        Row(
            label=item.label,
            name=known_names.get(item.label, f"label-{item.label}"),
            volume_ml=item.volume_mm3 / 1000,
            confidence=None if sums is None or not sizes[item.label] else float(sums[item.label] / sizes[item.label]),
            truth=None if true is None else item,
        )
        for item in agreed
    ]


def _uint16(volume: Volume) -> npt.NDArray[np.uint16]:
    return np.asarray(volume.data, dtype=np.uint16)
