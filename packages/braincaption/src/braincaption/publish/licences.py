"""Two licences in, whether their works may lie in one dataset out.

The rule is careful rather than clever. Works under permissive licences go with everything. Share-alike works go with
their own kind only, so that CC BY-SA and CC BY-NC-SA are kept apart; non-commercial ones go with non-commercial
share-alike ones. No-derivatives works, and those under terms that are not recognised, go with their own kind only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_PERMISSIVE = {"CC0", "PDDL", "ODC-BY", "CC-BY", "MIT", "BSD", "APACHE"}
_TOGETHER = {frozenset({"CC-BY-NC", "CC-BY-NC-SA"})}
_VERSION = re.compile(r"[- ]*v?\d+(\.\d+)*")
_NAMES = {"PUBLICDOMAIN": "CC0", "CC-ZERO": "CC0", "CC-0": "CC0"}


def family(licence: str) -> str:
    """Return the licence's kind, without version or spelling.

    Examples
    --------
    >>> family("CC BY-SA 3.0"), family("cc-by-sa-4.0"), family("CC-BY"), family("CC0-1.0"), family("ask the owner")
    ('CC-BY-SA', 'CC-BY-SA', 'CC-BY', 'CC0', 'ASK-THE-OWNER')
    """
    if re.match(r"(?i)\s*cc[- ]?(0|zero)", licence):
        return "CC0"
    plain = re.sub(r"[\s_,()]+", "-", re.sub(r"\(.*?\)", "", licence).strip().upper()).strip("-")
    plain = _VERSION.sub("", plain, count=1) if not plain.startswith("CUSTOM") else plain
    plain = _NAMES.get(plain, plain).strip("-")
    return next((name for name in ("APACHE", "BSD", "MIT") if plain.split("-")[0] == name), plain)


def compatible(first: str, second: str) -> bool:
    """Tell whether works under the two licences may be published in one dataset."""
    one, other = family(first), family(second)
    return one == other or one in _PERMISSIVE or other in _PERMISSIVE or frozenset({one, other}) in _TOGETHER


def groups(licences: Iterable[str]) -> list[list[str]]:
    """Return the licences in groups that may go together, as few as the rule allows.

    Examples
    --------
    >>> groups(["CC-BY", "CC BY-SA 3.0", "CC BY-NC-SA 3.0"])
    [['CC BY-NC-SA 3.0', 'CC-BY'], ['CC BY-SA 3.0']]
    """
    found: list[list[str]] = []
    # Permissive ones last: they join the first group there is.
    for licence in sorted(set(licences), key=lambda text: (family(text) in _PERMISSIVE, text)):
        home = next((group for group in found if all(compatible(licence, other) for other in group)), None)
        if home is None:
            found.append([licence])
        else:
            home.append(licence)
    return found
