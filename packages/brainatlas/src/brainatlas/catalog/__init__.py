"""An OUT in, the catalog of every scan in every space, its rows as NIfTI, and what it will cost out."""

from brainatlas.catalog.expand import expand
from brainatlas.catalog.materialize import materialize
from brainatlas.catalog.rows import read_catalog

__all__ = ["expand", "materialize", "read_catalog"]
