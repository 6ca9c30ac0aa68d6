"""The repository's ``datasets/`` in, ``brainatlas/recipes/`` of a wheel out: written once, shipped too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RecipesHook(BuildHookInterface):
    """Put the recipes where the installed package looks for them; an editable install reads the repository's."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the folder to include; called by hatchling before each build."""
        if version == "editable":
            return
        root = Path(self.root)
        # Beside the packages in a checkout; inside the unpacked source distribution, which carries a copy.
        source = next((folder for folder in (root.parents[1] / "datasets", root / "datasets") if folder.is_dir()), None)
        if source is None:
            raise FileNotFoundError(f"no folder datasets/ above or in {root}: build from a checkout of the repository")
        target = "datasets" if self.target_name == "sdist" else "brainatlas/recipes"
        build_data["force_include"][str(source)] = target
