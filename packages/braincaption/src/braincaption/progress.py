"""An iterable in, the same items out, with a progress bar on stderr when stderr is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield `items`, drawing progress on stderr; silent when stderr is not a terminal.

    Parameters
    ----------
    items : iterable
    description : str
        A few words before the bar.
    total : int, optional
        Number of items, where ``len(items)`` is not known.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description=description, total=total, console=Console(stderr=True))
