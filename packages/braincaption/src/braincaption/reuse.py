"""One label map in, its slice table and captions out, in memory: braincaption for other projects."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from braincaption.captions import Captioner, CaptionSettings
from braincaption.errors import ScanError, UsageError
from braincaption.lut import Lut, load_lut
from braincaption.lut_choice import choose_lut
from braincaption.schema import PLANES
from braincaption.sources import Selection, open_source
from braincaption.tabulate import volume_table


def caption_label_map(
    labels: str | Path,
    lut: str | Path | Lut | None = None,
    *,
    organ: str | None = None,
    plane: str | None = None,
    seed: int = 0,
    language: str = "en",
    max_tokens: int | None = None,
    tokenizer: str | None = None,
) -> pa.Table:
    """Count and describe every labelled slice of one NIfTI label map.

    Parameters
    ----------
    labels : str or Path
        Three-dimensional label map.
    lut : str, Path or Lut, optional
        Names of the labels: ``freesurfer``, ``ibsr``, ``muse``, a table's path, or a loaded table. By default the
        ``.tsv`` beside the map, else FreeSurfer's.
    organ : str, optional
        What the labels cover, when it is not the brain: ``"femur"``.
    plane : str, optional
        ``axial``, ``coronal`` or ``sagittal`` only.
    seed, language, max_tokens, tokenizer
        As in `braincaption.captions.CaptionSettings`.

    Returns
    -------
    pyarrow.Table
        The slice table's columns (`braincaption.schema.SLICES`), then ``template`` and ``caption``.

    Raises
    ------
    UsageError
        A wrong argument; the message says which.
    ScanError
        The file is no readable label map.
    """
    source = open_source(Path(labels), Selection())
    if source.broken:
        raise ScanError(source.broken[0][1])
    table = lut if isinstance(lut, Lut) else load_lut(lut) if lut else choose_lut(None, source.catalog)[0]
    settings = CaptionSettings(seed=seed, language=language, max_tokens=max_tokens, tokenizer=tokenizer, organ=organ)
    slices = volume_table(source.catalog, 0)
    captions = Captioner(table, settings).captions(slices)
    said = slices.append_column("template", captions["template"]).append_column("caption", captions["caption"])
    if plane is None:
        return said
    if plane not in PLANES:
        raise UsageError(f"plane {plane!r} is none of {', '.join(PLANES)}")
    return said.filter(pc.equal(said["plane"], plane))
