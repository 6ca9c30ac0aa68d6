"""`brain ldm zoo import`: a model folder or Hub repository in, a model usable by name out."""

from typing import Annotated

import typer


def import_model(
    source: Annotated[str, typer.Argument(metavar="SRC", help="Model folder, or Hub repository id.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name to use it by.")],
) -> None:
    """Copy a model into your zoo folder (BRAIN_ZOO, or brainldm/zoo in the cache folder).

    Example: brain ldm zoo import model my-cohort
    """
    from brainldm.zoo import import_model as bring

    entry = bring(source, name)
    print(f"{entry.name}: sha256 {entry.checksum}, in {entry.folder}")
