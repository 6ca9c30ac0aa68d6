"""A SOURCE in (catalog, folder with a catalog, BIDS or derivatives folder, label files), a catalog of volumes out.

Label files get catalog rows of their own, each in its own space, so that every later stage knows one kind of input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from braincaption.bids_facts import Facts, acquisition, licence, people
from braincaption.catalog import FILE, Catalog, read_catalog
from braincaption.errors import ScanError, UsageError
from braincaption.nifti import read_grid
from braincaption.orientation import axcodes
from braincaption.schema import CATALOG

_NIFTI = (".nii.gz", ".nii")
_ENTITY = re.compile(r"([a-zA-Z]+)-([a-zA-Z0-9+]+)")
# Entities that tell one image of a session from another; desc and space only say what was done to it.
_IDENTIFYING = ("sub", "ses", "acq", "ce", "rec", "run", "echo", "part")
_GRID_TOLERANCE_MM = 1e-2


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which participants, sessions and sequences to take; empty means all. Labels come with or without ``sub-``."""

    participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()

    def takes(self, participant: str, session: str, sequence: str) -> bool:
        """Tell whether one image is wanted."""
        return (
            (not self.participants or participant in {p.removeprefix("sub-") for p in self.participants})
            and (not self.sessions or session in {s.removeprefix("ses-") for s in self.sessions})
            and (not self.sequences or sequence in self.sequences)
        )


@dataclass(frozen=True, kw_only=True)
class Source:
    """The catalog of a SOURCE, and what in it is broken: (id, message) each."""

    catalog: Catalog
    broken: tuple[tuple[str, str], ...] = ()


def open_source(source: Path, selection: Selection) -> Source:
    """Open `source`, whatever it is.

    Raises
    ------
    UsageError
        It does not exist, or nothing in it is a label map that `selection` takes.
    """
    if not source.exists():
        raise UsageError(f"{source} does not exist: give catalog.parquet, a BIDS folder or a label map")
    if source.is_dir() and (source / FILE).exists():
        source = source / FILE
    if source.suffix == ".parquet":
        return _selected(read_catalog(source), selection)
    root = source if source.is_dir() else source.parent
    files = _label_files(source)
    if not files:
        raise UsageError(f"{source} holds no label map (*_dseg.nii.gz, or any *.nii.gz): check the folder")
    return _from_files(root, files, selection, bids=source.is_dir() and any(_is_dseg(path) for path in files))


def _selected(catalog: Catalog, selection: Selection) -> Source:
    table = catalog.table
    keep = np.ones(table.num_rows, dtype=bool)
    for number, (image, sequence) in enumerate(
        zip(table["image_id"].to_pylist(), table["sequence"].to_pylist(), strict=True)
    ):
        entities = dict(_ENTITY.findall(image))
        keep[number] = selection.takes(entities.get("sub", image), entities.get("ses", ""), sequence)
    if not keep.any():
        raise UsageError("the catalog has no row that the selection takes: check --participant-label, --sequence")
    return Source(catalog=Catalog(table=table.filter(pa.array(keep)), root=catalog.root))


def _is_dseg(path: Path) -> bool:
    return _stem(path).endswith("_dseg")


def _stem(path: Path) -> str:
    return next((path.name.removesuffix(suffix) for suffix in _NIFTI if path.name.endswith(suffix)), path.name)


def _label_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    found = sorted(path for path in source.rglob("*.nii*") if path.name.endswith(_NIFTI) and path.name[0] != ".")
    return [path for path in found if _is_dseg(path)] or found


def _from_files(root: Path, files: list[Path], selection: Selection, *, bids: bool) -> Source:
    cohort = re.sub(r"[^a-zA-Z0-9-]", "", root.resolve().name) or "source"
    facts = people(root)
    images = _images(root) if bids else {}
    rows: list[dict[str, Any]] = []
    broken: list[tuple[str, str]] = []
    for label in files:
        try:
            rows.extend(_rows_of(root, label, images, cohort, facts, selection))
        except ScanError as error:
            broken.append((_stem(label), str(error)))
    if not rows and not broken:
        raise UsageError(f"{root} has no label map that the selection takes: check --participant-label, --sequence")
    rows.sort(key=lambda row: str(row["volume_id"]).encode())
    ids = [row["volume_id"] for row in rows]
    twice = sorted({name for name in ids if ids.count(name) > 1}) if len(set(ids)) < len(ids) else []
    if twice:
        raise UsageError(f"{root} labels {twice[0]} more than once: keep one *_dseg.nii.gz an image, or name one file")
    return Source(catalog=Catalog(table=pa.Table.from_pylist(rows, schema=CATALOG), root=root), broken=tuple(broken))


def _images(root: Path) -> dict[str, list[Path]]:
    # Images of the folder and, for a derivatives folder, of the dataset it belongs to, by identifying entities.
    top = root.parent.parent if root.parent.name == "derivatives" else root
    found: dict[str, list[Path]] = {}
    for path in sorted(top.rglob("*.nii*")):
        suffix = _stem(path).rpartition("_")[2]
        if path.name.endswith(_NIFTI) and suffix not in ("dseg", "mask", "probseg", "xfm"):
            found.setdefault(_key(path), []).append(path)
    return found


def _key(path: Path) -> str:
    entities = dict(_ENTITY.findall(_stem(path)))
    return "_".join(f"{name}-{entities[name]}" for name in _IDENTIFYING if name in entities)


def _rows_of(
    root: Path,
    label: Path,
    images: dict[str, list[Path]],
    cohort: str,
    facts: dict[str, Facts],
    selection: Selection,
) -> list[dict[str, Any]]:
    shape, affine = read_grid(label)
    entities = dict(_ENTITY.findall(_stem(label)))
    candidates = images.get(_key(label), []) if entities.get("sub") else []
    named = [image for image in candidates if _stem(image).endswith(f"_{entities.get('space', '')}")]
    matching = [image for image in _preferred(named or candidates) if _on_grid(image, shape, affine)]
    if candidates and not matching:
        raise ScanError(
            f"{label} lies on another grid than its image {candidates[0].name}: resample the labels or give the image"
        )
    person = entities.get("sub", _stem(label))
    rows = []
    shown: list[Path | None] = [*matching] or [None]
    for image in shown:
        sequence = _stem(image).rpartition("_")[2] if image else ""
        if selection.takes(person, entities.get("ses", ""), sequence):
            rows.append(_row(root, label, image, sequence, cohort, person, facts, shape, affine))
    return rows


def _preferred(images: Iterable[Path]) -> list[Path]:
    # One image a sequence: the stripped one where a raw and a stripped one stand side by side.
    best: dict[str, Path] = {}
    for image in sorted(images, key=lambda path: ("desc-brain" not in path.name, str(path))):
        best.setdefault(_stem(image).rpartition("_")[2], image)
    return [best[suffix] for suffix in sorted(best)]


def _on_grid(image: Path, shape: tuple[int, int, int], affine: Any) -> bool:
    try:
        other_shape, other = read_grid(image)
    except ScanError:
        return False
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape], (1,), indexing="ij")).reshape(4, -1)
    return other_shape == shape and bool(np.abs((other - affine) @ corners).max() <= _GRID_TOLERANCE_MM)


def _row(
    root: Path,
    label: Path,
    image: Path | None,
    sequence: str,
    cohort: str,
    person: str,
    facts: dict[str, Facts],
    shape: tuple[int, int, int],
    affine: Any,
) -> dict[str, Any]:
    key = _key(label) or _stem(label)
    image_id = f"{cohort}_{key}_{sequence}" if sequence else f"{cohort}_{key}"
    known = facts.get(person, Facts(age=None, sex=None))
    space = [float(value) for value in affine[:3].reshape(-1)]
    shown = _written(root, image) if image else ""
    return {
        "volume_id": f"{image_id}@{image_id}",
        "image_id": image_id,
        "space_id": image_id,
        "image_subject": f"{cohort}/{person}",
        "space_subject": f"{cohort}/{person}",
        "image_path": shown,
        "label_path": _written(root, label),
        "mask_path": "",
        "space_path": shown or _written(root, label),
        "label_origin": "manual",
        "label_subjects": [f"{cohort}/{person}"],
        "direction": "native",
        "matrix": [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        "space_affine": space,
        "shape": list(shape),
        "zooms": [float(value) for value in np.sqrt((affine[:3, :3] ** 2).sum(axis=0))],
        "axcodes": axcodes(affine),
        "sequence": sequence,
        **(acquisition(image) if image else {}),
        "age": known.age,
        "sex": known.sex,
        "cohort": cohort,
        "licence": licence(root),
    }


def _written(root: Path, path: Path) -> str:
    return (
        Path(*[".."] * 2, *path.relative_to(root.parent.parent).parts).as_posix()
        if not path.is_relative_to(root)
        else path.relative_to(root).as_posix()
    )


def sequences(catalog: Catalog) -> list[str]:
    """Return the sequences that a catalog holds, sorted."""
    return sorted(str(value) for value in pc.unique(catalog.table["sequence"]).to_pylist())
