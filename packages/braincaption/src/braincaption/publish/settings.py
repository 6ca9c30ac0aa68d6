"""What a user may choose about publishing in, frozen settings out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PublishSettings:
    """How a dataset folder is published.

    Attributes
    ----------
    public : bool
        Make the repository public once everything is there; private otherwise.
    permission : str, optional
        The words by which the owners of the data allow it; the card prints them.
    allow_unstripped : bool
        Publish images that may show faces.
    files_per_commit : int
        A part is committed when it has this many files,
    bytes_per_commit : int
        or this many bytes.
    """

    public: bool = False
    permission: str | None = None
    allow_unstripped: bool = False
    files_per_commit: int = 10
    bytes_per_commit: int = 2_000_000_000
