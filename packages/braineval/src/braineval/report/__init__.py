"""Real and generated slice folders in, one report out: JSON, Markdown and a self-contained HTML page.

`build` makes the page; `Section`, `Group`, `Figure` and `Table` are what callers add to it; the module `sections`
makes the usual ones.
"""

from braineval.report.build import build
from braineval.report.parts import Fact, Figure, Group, Section, Table

__all__ = ["Fact", "Figure", "Group", "Section", "Table", "build"]
