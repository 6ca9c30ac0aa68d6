"""Source ids in, stable pseudonyms out, keyed by a secret that never lies in the published folder.

A person ``ixi/IXI012`` becomes ``ixi/3f9a…`` and a scan ``ixi_sub-IXI012_T1w`` becomes ``ixi_77c0…_T1w``: cohort and
contrast stay, the rest is HMAC-SHA256 of the id under the salt. Source ids are short and countable, so an unkeyed hash
could be undone by trying them all. The salt is drawn once and kept beside the captions (``OUT/pseudonyms.salt``): the
same OUT always gives the same pseudonyms, and whoever holds the salt can trace a row back to its scan.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from braincaption.atomic import atomic_path
from braincaption.errors import UsageError

SALT_FILE = "pseudonyms.salt"
_SALT_BYTES = 32
_DIGITS = 12  # 48 bits: two of 10,000 ids collide with a chance of 2e-7


@dataclass(frozen=True)
class Pseudonyms:
    """The mapping under one salt.

    Examples
    --------
    >>> names = Pseudonyms(b"an example's salt")
    >>> names.person("ixi/IXI012") == names.person("ixi/IXI012") != names.person("ixi/IXI013")
    True
    >>> names.scan("ixi_sub-IXI012_T1w").startswith("ixi_"), names.scan("ixi_sub-IXI012_T1w").endswith("_T1w")
    (True, True)
    """

    salt: bytes

    def person(self, key: str) -> str:
        """Return the pseudonym of a person key ``cohort/person``."""
        cohort, _, _ = key.partition("/")
        return f"{cohort}/{self._digest('person', key)}"

    def scan(self, scan_id: str) -> str:
        """Return the pseudonym of a scan id ``cohort_sub-X…_suffix``."""
        cohort, marker, _ = scan_id.partition("_sub-")
        suffix = scan_id.rpartition("_")[2]
        return f"{cohort if marker else 'scan'}_{self._digest('scan', scan_id)}_{suffix if marker else 'image'}"

    def volume(self, volume_id: str) -> str:
        """Return the pseudonym of a volume ``image_id@space_id``."""
        image, at, space = volume_id.partition("@")
        return f"{self.scan(image)}@{self.scan(space)}" if at else self.scan(image)

    def _digest(self, kind: str, text: str) -> str:
        return hmac.new(self.salt, f"{kind}\t{text}".encode(), "sha256").hexdigest()[:_DIGITS]


def open_pseudonyms(source: Path, published: Path) -> Pseudonyms:
    """Read the salt of `source`, an OUT of braincaption, or draw and store it there.

    Raises
    ------
    UsageError
        `source` lies in the folder to be published, or its salt file is damaged.
    """
    if source.resolve().is_relative_to(published.resolve()):
        raise UsageError(f"{source} lies in {published}, so its salt would be published: give another --out")
    path = source / SALT_FILE
    if not path.exists():
        with atomic_path(path) as aside:
            aside.touch(mode=0o600)
            aside.write_text(secrets.token_hex(_SALT_BYTES) + "\n", encoding="ascii")
    try:
        salt = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        salt = b""
    if len(salt) < _SALT_BYTES // 2:
        raise UsageError(f"{path} is no salt (hexadecimal, {2 * _SALT_BYTES} digits): restore it, or delete it")
    return Pseudonyms(salt)
