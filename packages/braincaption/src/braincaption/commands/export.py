"""`brain caption export`: the tables of an OUT in, one CSV file out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    out: Annotated[Path, typer.Argument(help="Folder that `brain caption tabulate` wrote.")],
    file: Annotated[Path, typer.Argument(help="CSV file to write.")],
) -> None:
    """Write slices, captions and the volume of every structure (mm³, a column each) as one CSV file.

    Example: brain caption export work/captions slices.csv
    """
    from braincaption.errors import UsageError
    from braincaption.export import export_csv

    if file.suffix.lower() != ".csv":
        raise UsageError(f"{file} does not end in .csv: name a CSV file")
    print(f"{export_csv(out, file)} rows written to {file}")
