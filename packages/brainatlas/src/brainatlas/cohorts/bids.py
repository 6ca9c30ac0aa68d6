"""The files of a BIDS dataset in (raw or derivative), one image per scan out, and what is wrong with the others."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from brainatlas.cohorts.found import Found, Layout
from brainatlas.cohorts.model import REDISTRIBUTION
from brainatlas.cohorts.names import EXTENSIONS, OWN_BLOCK, SEQUENCES, BidsName, parse_name
from brainatlas.cohorts.people import OLDEST, Person
from brainatlas.cohorts.sidecar import Sidecars, acquisition, read_json_object
from brainatlas.cohorts.tree import Tree
from braincaption.errors import ScanError, UsageError

DESCRIPTION = "dataset_description.json"
# Which of several derived versions of one image is taken.
_PREFERRED = ("brain", "", "preproc")
_BRAIN_ONLY = "brain"

Remarks = list[tuple[str, str]]


def is_bids(tree: Tree) -> bool:
    """Tell whether any image of the folder lies and is named as BIDS wants."""
    return any(_image_name(path) is not None for path in tree.files)


def datasets_inside(tree: Tree) -> list[str]:
    """Return the folders below the root that are BIDS datasets, where the root itself is none."""
    parts = (path.partition("/sub-") for path in tree.files)
    return sorted({above for above, _, rest in parts if rest and _image_name(f"sub-{rest}") is not None})


def read_description(tree: Tree) -> dict[str, Any]:
    """Read ``dataset_description.json``; empty where there is none.

    Raises
    ------
    UsageError
        It is no JSON object: licence and skull stripping of the whole cohort hang on it.
    """
    if DESCRIPTION not in tree:
        return {}
    try:
        return read_json_object(tree, DESCRIPTION)
    except ScanError as error:
        raise UsageError(f"{tree.root}: {error}") from None


def is_derivative(description: dict[str, Any]) -> bool:
    """Tell whether a dataset's labels lie beside its images (a derivative) or below ``derivatives/``."""
    return str(description.get("DatasetType", "")).lower() == "derivative"


def read_layout(tree: Tree, description: dict[str, Any]) -> Layout:
    """Find one image per scan of a BIDS dataset.

    Parameters
    ----------
    tree : Tree
    description : dict
        The dataset's description; its ``SkullStripped`` holds for scans whose sidecar says nothing.

    Returns
    -------
    Layout
        Problems are scans that cannot be read as BIDS means them; each is left out of the images.
    """
    versions: dict[tuple[object, str], list[tuple[str, BidsName]]] = defaultdict(list)
    problems: Remarks = []
    for path in tree.files:
        name = _image_name(path)
        if name is None:
            continue
        if path.split("/")[0] != f"sub-{name.entities['sub']}":
            problems.append((path, f"lies in {path.split('/')[0]} but is named sub-{name.entities['sub']}: move it"))
        else:
            versions[name.identity, name.suffix].append((path, name))
    sidecars = Sidecars(tree)
    images: list[Found] = []
    notes: Remarks = []
    for found in versions.values():
        try:
            path, name = _choose(found)
            images.append(_found(path, name, sidecars.of(path, name), description, notes))
        except ScanError as error:
            problems.append((f"{found[0][1].stem}_{found[0][1].suffix}", str(error)))
    return Layout(images=tuple(images), problems=tuple(problems), notes=tuple(notes))


def _image_name(path: str) -> BidsName | None:
    if not path.startswith("sub-"):
        return None
    name = parse_name(path.rpartition("/")[2])
    if name is None or name.extension not in EXTENSIONS or name.suffix not in SEQUENCES or "sub" not in name.entities:
        return None
    return None if name.entities.get("part", "mag") != "mag" else name


def _choose(versions: list[tuple[str, BidsName]]) -> tuple[str, BidsName]:
    native = [entry for entry in versions if _is_native(entry[1])] or versions
    for description in _PREFERRED:
        fitting = [entry for entry in native if entry[1].entities.get("desc", "") == description]
        if len(fitting) == 1:
            return fitting[0]
    if len(native) == 1:
        return native[0]
    listed = ", ".join(path.rpartition("/")[2] for path, _ in native[:4])
    raise ScanError(f"{len(native)} files are this scan ({listed}): keep one, or tell them apart by acq- or run-")


def _is_native(name: BidsName) -> bool:
    return name.entities.get("space") in (None, name.suffix, "orig", "individual")


def _found(path: str, name: BidsName, metadata: dict[str, Any], description: dict[str, Any], notes: Remarks) -> Found:
    acquired, remarks = acquisition(metadata)
    notes.extend((f"{name.stem}_{name.suffix}", remark) for remark in remarks)
    said = metadata.get("SkullStripped", description.get("SkullStripped"))
    if not isinstance(said, bool):
        said = True if name.entities.get("desc") == _BRAIN_ONLY else None
    return Found(
        image=path,
        name=name,
        person=name.entities["sub"],
        stripped=said,
        acquisition=acquired,
        row=name.entities["sub"],
        **_own_facts(metadata.get(OWN_BLOCK)),
    )


def _own_facts(block: object) -> dict[str, Any]:
    """Read what brainatlas wrote into the sidecar of a scan in its OUT, so that OUT can be the next cohort."""
    if not isinstance(block, dict):
        return {}
    person = block.get("person")
    key = person.partition("/")[2] if isinstance(person, str) else ""
    age, sex = block.get("age"), block.get("sex")
    return {
        "facts": Person(
            age=float(age) if isinstance(age, int | float) and 0 <= age <= OLDEST else None,
            sex=sex if sex in ("M", "F", "O") else None,
            key=key or None,
        ),
        "licence": block["licence"] if isinstance(block.get("licence"), str) else None,
        "redistribution": block["redistribution"] if block.get("redistribution") in REDISTRIBUTION else None,
    }
