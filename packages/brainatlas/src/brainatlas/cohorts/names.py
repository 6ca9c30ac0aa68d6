"""A BIDS file name in, its entities, suffix and extension out; and text made safe to stand in a scan id."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Images this package can use, as BIDS names them. Quantitative maps and phase images are none.
SEQUENCES = frozenset(
    ["T1w", "T2w", "PDw", "FLAIR", "T2starw", "T2star", "inplaneT1", "inplaneT2", "PDT2", "PD", "FLASH", "UNIT1"]
)
# Entities that tell how a file was made, not what was scanned; they do not enter a scan id.
DERIVED = ("space", "desc", "res", "den", "label", "seg", "atlas", "from", "to", "mode")
OWN_BLOCK = "brainatlas"  # key in the sidecars that we write ourselves
EXTENSIONS = (".nii.gz", ".nii")


@dataclass(frozen=True, kw_only=True)
class BidsName:
    """The parts of ``sub-X_ses-Y_…_suffix.ext``."""

    entities: dict[str, str] = field(hash=False)
    suffix: str
    extension: str

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """Entities that say what was scanned, sorted, indices without leading zeros: equal for a scan and its labels.

        >>> parse_name("sub-01_run-02_space-T1w_dseg.nii.gz").identity
        (('run', '2'), ('sub', '01'))
        """
        kept = {key: value for key, value in self.entities.items() if key not in DERIVED}
        for key in ("run", "echo"):
            if kept.get(key, "").isdecimal():
                kept[key] = str(int(kept[key]))
        return tuple(sorted(kept.items()))

    @property
    def stem(self) -> str:
        """The scan's name without suffix: ``sub-X[_ses-Y][_acq-A][_run-N]``.

        >>> parse_name("sub-01_ses-2_desc-brain_T1w.nii").stem
        'sub-01_ses-2'
        """
        return "_".join(f"{key}-{value}" for key, value in self.entities.items() if key not in DERIVED)


def parse_name(file_name: str) -> BidsName | None:
    """Take a BIDS file name apart; None where it is no such name.

    >>> parse_name("sub-01_acq-mprage_T1w.nii.gz").entities
    {'sub': '01', 'acq': 'mprage'}
    """
    stem, dot, extension = file_name.partition(".")
    *pairs, suffix = stem.split("_")
    if not dot or not pairs or not suffix or "-" in suffix:
        return None
    entities: dict[str, str] = {}
    for pair in pairs:
        key, dash, value = pair.partition("-")
        if not dash or not key or not value or key in entities:
            return None
        entities[key] = value
    return BidsName(entities=entities, suffix=suffix, extension=dot + extension)


def safe_name(text: str) -> str:
    """Make a cohort's name from any text: letters, digits and single hyphens; empty where nothing is left.

    >>> safe_name("My cohort_v2 (final)")
    'My-cohort-v2-final'
    """
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def bare_label(label: str, entity: str) -> str:
    """Drop ``sub-`` or ``ses-`` from a label that a user or a table gave with it."""
    return label.strip().removeprefix(f"{entity}-")
