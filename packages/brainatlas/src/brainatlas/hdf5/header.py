"""An ISMRMRD header (XML) in, what it says of the acquisition out; a header with a document type is refused.

ISMRMRD headers need no document type, and one is how XML is made to expand without end, or to read other files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

from brainatlas.cohorts.acquisition import Acquisition
from braincaption.errors import ScanError

MOST_BYTES = 1 << 20
_SYSTEM, _TIMES = "acquisitionSystemInformation", "sequenceParameters"
_RECON = "encoding/reconSpace"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a header says; None where it is silent.

    Attributes
    ----------
    acquisition : Acquisition
        The field strength as it stands there, not yet a nominal one.
    pixel_mm : tuple of float or None
        Height and width of a pixel of the reconstructed image, mm.
    """

    acquisition: Acquisition
    pixel_mm: tuple[float, float] | None


def parse_header(text: bytes) -> Header:
    """Read a header.

    Raises
    ------
    ScanError
        No XML, more than `MOST_BYTES`, or a document type in it.
    """
    found = _first_texts(text)
    vendor, model = (found.get(f"{_SYSTEM}/system{name}") or None for name in ("Vendor", "Model"))
    acquisition = Acquisition(
        field_strength_t=_number(found, f"{_SYSTEM}/systemFieldStrength_T"),
        manufacturer=vendor,
        scanner=model,
        tr_ms=_number(found, f"{_TIMES}/TR"),
        te_ms=_number(found, f"{_TIMES}/TE"),
        ti_ms=_number(found, f"{_TIMES}/TI"),
        flip_deg=_number(found, f"{_TIMES}/flipAngle_deg"),
    )
    sizes = [
        (_number(found, f"{_RECON}/fieldOfView_mm/{axis}"), _number(found, f"{_RECON}/matrixSize/{axis}"))
        for axis in "xy"
    ]
    known = [length / count for length, count in sizes if length is not None and count is not None]
    return Header(acquisition=acquisition, pixel_mm=(known[0], known[1]) if len(known) == len("xy") else None)


def _first_texts(text: bytes) -> dict[str, str]:
    """Return the text of the first element of each path below the root, names without their namespace."""
    if len(text) > MOST_BYTES:
        raise ScanError(f"its header has {len(text)} bytes, at most {MOST_BYTES} are read: look at the file")
    found: dict[str, str] = {}
    path: list[str] = []
    pieces: list[str] = []

    def start(name: str, _attributes: Any) -> None:
        path.append(name.rpartition(":")[2])
        pieces.clear()

    def end(_name: str) -> None:
        found.setdefault("/".join(path[1:]), "".join(pieces).strip())
        path.pop()
        pieces.clear()

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = pieces.append
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ScanError(f"its header is no XML ({error}): fetch the file again") from None
    return found


def _refuse(*_declared: Any) -> None:
    raise ScanError("its header declares a document type, which no ISMRMRD header needs: do not trust the file")


def _number(found: dict[str, str], path: str) -> float | None:
    try:
        value = float(found[path])
    except (KeyError, ValueError):
        return None
    return value if 0 < value < float("inf") else None
