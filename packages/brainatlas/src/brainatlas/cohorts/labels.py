"""Scans in, the label map and brain mask that lie on each one's own grid out, by entities, never by order."""

from __future__ import annotations

import glob
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from brainatlas.cohorts.found import Found
from brainatlas.cohorts.names import EXTENSIONS, OWN_BLOCK, BidsName, parse_name
from brainatlas.cohorts.tree import Tree, walk
from braincaption.errors import ScanError, UsageError

_OWN = ("orig", "individual")

Candidate = tuple[Path, BidsName]


class MapIndex:
    """Label maps or masks, found by the entities of the image they belong to.

    Parameters
    ----------
    suffix : str
        ``dseg`` for label maps, ``mask`` for brain masks.
    files : list of Path
    """

    def __init__(self, suffix: str, files: list[Path]) -> None:
        self._by_identity: dict[object, list[Candidate]] = defaultdict(list)
        for path in sorted(files):
            name = parse_name(path.name)
            if name is None or name.suffix != suffix or name.extension not in EXTENSIONS:
                continue
            if suffix == "mask" and not _is_brain(name):
                continue
            self._by_identity[name.identity].append((path, name))

    def __len__(self) -> int:
        return sum(len(found) for found in self._by_identity.values())

    def of(self, image: Found) -> Path | None:
        """Return the one map with the image's entities, None where there is none.

        Raises
        ------
        ScanError
            Several maps fit.
        """
        fitting = [entry for entry in self._by_identity.get(image.name.identity, []) if _same_space(entry[1], image)]
        # In an OUT of ours, what came with the source goes before what was voted.
        manual = [entry for entry in fitting if entry[1].entities.get("desc") in ("manual", "carried")]
        chosen = [path for path, _ in (manual if len(manual) == 1 else fitting)]
        if len(chosen) > 1:
            distinct = len({path.name for path in chosen}) == len(chosen)
            listed = ", ".join(path.name if distinct else str(path) for path in chosen[:4])
            raise ScanError(
                f"{len(chosen)} maps fit this scan ({listed}): say which with "
                f"--labels '{_dataset_of(chosen[0])}/**/*{chosen[0].name.partition('_')[2]}'"
            )
        return chosen[0] if chosen else None

    def without_image(self, images: Sequence[Found]) -> list[Path]:
        """Return maps of the images' subjects that have the entities of none of them; those of another space aside."""
        subjects = {image.subject for image in images}
        known = {image.name.identity for image in images}
        return [
            path
            for identity, found in self._by_identity.items()
            for path, name in found
            if identity not in known and name.entities.get("sub") in subjects and "space" not in name.entities
        ]


def find_labels(tree: Tree, derivative: bool, given: Path | None) -> MapIndex:
    """Collect the label maps of a cohort.

    Parameters
    ----------
    tree : Tree
    derivative : bool
        The dataset is a derivative: its label maps lie beside its images.
    given : Path or None
        Folder of label maps, or a pattern such as ``OUT/ixi/**/*desc-jlf_dseg.nii.gz``, to be used instead.

    Raises
    ------
    UsageError
        `given` does not exist, or holds no label map.
    """
    if given is None:
        return MapIndex("dseg", _inside(tree, derivative))
    if given.is_dir():
        files = [given / path for path in walk(given).files]
    elif any(mark in str(given) for mark in "*?["):
        files = [Path(path) for path in glob.glob(str(given), recursive=True)]  # noqa: PTH207  absolute patterns too
    else:
        raise UsageError(f"--labels {given} does not exist: give the folder that holds the …_dseg.nii.gz files")
    index = MapIndex("dseg", files)
    if not len(index):
        raise UsageError(f"--labels {given} holds no label map: name them sub-X[_ses-Y]_dseg.nii.gz, as the images")
    return index


def find_masks(tree: Tree, derivative: bool) -> MapIndex:
    """Collect the brain masks of a cohort: ``…_mask`` or ``…_desc-brain_mask``, where label maps lie."""
    return MapIndex("mask", _inside(tree, derivative))


def label_origin(labels: Path | None) -> tuple[str | None, tuple[str, ...]]:
    """Tell where labels come from, and whose manual labels voted ones carry, by the sidecar that we write beside them.

    Without such a sidecar they are manual: somebody gave them as an atlas.
    """
    if labels is None:
        return None, ()
    try:
        content = json.loads(labels.with_name(labels.name.partition(".")[0] + ".json").read_text(encoding="utf-8"))
        block = content[OWN_BLOCK]
        origin, carried = block["label_origin"], block.get("label_subjects", [])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "manual", ()
    if not isinstance(origin, str) or not isinstance(carried, list):
        return "manual", ()
    return origin, tuple(person for person in carried if isinstance(person, str))


def _inside(tree: Tree, derivative: bool) -> list[Path]:
    return [
        tree.path(path)
        for path in tree.files
        if (path.startswith("derivatives/") and path.count("/") > 1) or (derivative and path.startswith("sub-"))
    ]


def _same_space(name: BidsName, image: Found) -> bool:
    space = name.entities.get("space")
    of_image = image.name.entities.get("space")
    if of_image is None or of_image in (image.name.suffix, *_OWN):
        return space is None or space == image.name.suffix or space in _OWN
    return space == of_image


def _dataset_of(path: Path) -> Path:
    return next((folder.parent for folder in path.parents if folder.name.startswith("sub-")), path.parent)


def _is_brain(name: BidsName) -> bool:
    return name.entities.get("desc", "brain") == "brain" and name.entities.get("label", "brain") == "brain"
