"""`brain ldm zoo show`: a model's card and checksum, a system, or where each number of a config comes from."""

from typing import Annotated

import typer


def show(name: Annotated[str, typer.Argument(metavar="NAME", help="A model, a system or a config.")]) -> None:
    """Show the card of a model, or each number of a system or config with its origin.

    Example: brain ldm zoo show paper
    """
    from dataclasses import asdict

    from brainldm.config import available, load_config, origins
    from brainldm.systems import describe, names
    from brainldm.zoo import entries, find_entry

    if name in names() and name not in {entry.name for entry in entries()}:
        print(describe(name))
        return
    if name not in available() or name in {entry.name for entry in entries()}:
        entry = find_entry(name)
        print(f"{entry.card}\nsha256 {entry.checksum}\nfolder {entry.folder}")
        return
    settings = asdict(load_config(name))
    for key, origin in origins(name).items():
        section, field = key.split(".")
        print(f"{key} = {settings[section][field]}\t# {origin}")
