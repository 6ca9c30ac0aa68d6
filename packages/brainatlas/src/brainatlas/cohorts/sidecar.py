"""JSON sidecars in, how each scan was acquired out, by BIDS's inheritance principle."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from brainatlas.cohorts.acquisition import Acquisition
from brainatlas.cohorts.names import BidsName, parse_name
from brainatlas.cohorts.tree import Tree
from braincaption.errors import ScanError

# JSON key, attribute, factor to our unit, largest plausible value in our unit (beyond it the unit is not BIDS's).
_NUMBERS = (
    ("MagneticFieldStrength", "field_strength_t", 1.0, 25.0),
    ("RepetitionTime", "tr_ms", 1000.0, 100_000.0),
    ("EchoTime", "te_ms", 1000.0, 2_000.0),
    ("InversionTime", "ti_ms", 1000.0, 20_000.0),
    ("FlipAngle", "flip_deg", 1.0, 360.0),
)
_TEXTS = (("Manufacturer", "manufacturer"), ("ManufacturersModelName", "scanner"))


class Sidecars:
    """The JSON sidecars of a dataset, read once each.

    Parameters
    ----------
    tree : Tree
        The dataset; sidecars of ``derivatives/`` below it do not apply to its scans.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._by_folder: dict[str, list[tuple[str, BidsName]]] = defaultdict(list)
        self._read: dict[str, Mapping[str, Any]] = {}
        for path in tree.files:
            folder, _, file_name = path.rpartition("/")
            if file_name.endswith(".json") and not folder.startswith("derivatives"):
                name = parse_name(file_name) or _bare(file_name)
                self._by_folder[folder].append((path, name))

    def of(self, image: str, name: BidsName) -> dict[str, Any]:
        """Merge what every applicable sidecar says of an image: deeper folders and longer names win.

        Raises
        ------
        ScanError
            A sidecar that applies is no JSON object.
        """
        merged: dict[str, Any] = {}
        parts = image.split("/")[:-1]
        for depth in range(len(parts) + 1):
            here = self._by_folder.get("/".join(parts[:depth]), [])
            for path, sidecar in sorted(here, key=lambda entry: len(entry[1].entities)):
                if sidecar.suffix == name.suffix and sidecar.entities.items() <= name.entities.items():
                    merged.update(self._load(path))
        return merged

    def _load(self, path: str) -> Mapping[str, Any]:
        if path not in self._read:
            self._read[path] = read_json_object(self._tree, path)
        return self._read[path]


def read_json_object(tree: Tree, path: str) -> dict[str, Any]:
    """Read one JSON file that must hold an object; raises ScanError otherwise."""
    try:
        loaded = json.loads(tree.path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ScanError(f"{path} is no readable JSON ({' '.join(str(error).split())}): repair the file") from None
    if not isinstance(loaded, dict):
        raise ScanError(f"{path} holds a {type(loaded).__name__}, wanted a JSON object {{…}}: repair the file")
    return loaded


def acquisition(metadata: Mapping[str, Any]) -> tuple[Acquisition, list[str]]:
    """Turn BIDS metadata into our units, with a remark for each value that cannot be meant as BIDS defines it.

    Parameters
    ----------
    metadata : mapping
        Times in seconds, field strength in tesla, angle in degrees, as BIDS wants them.

    Returns
    -------
    Acquisition, list of str

    Examples
    --------
    >>> acquisition({"RepetitionTime": 2.3, "EchoTime": 3})[0].tr_ms
    2300.0
    >>> acquisition({"EchoTime": 3})[1]
    ['EchoTime 3 is not plausible in the unit BIDS wants: left out']
    """
    values: dict[str, Any] = {}
    remarks: list[str] = []
    for key, attribute, factor, largest in _NUMBERS:
        given = metadata.get(key)
        if given is None or (isinstance(given, str) and given.strip().lower() in ("", "n/a")):
            continue
        number = _number(given)
        value = None if number is None else round(number * factor, 6)
        if value is None or not 0 < value <= largest:
            shown = " ".join(str(given).split())[:40]
            remarks.append(f"{key} {shown} is not plausible in the unit BIDS wants: left out")
        else:
            values[attribute] = value
    for key, attribute in _TEXTS:
        text = metadata.get(key)
        if isinstance(text, str) and text.strip().lower() not in ("", "n/a"):
            values[attribute] = " ".join(text.split())
    return Acquisition(**values), remarks


def _number(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        number = float(given)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _bare(file_name: str) -> BidsName:
    # T1w.json at the top of a dataset: no entities, holds for every T1w below.
    return BidsName(entities={}, suffix=file_name.removesuffix(".json"), extension=".json")
