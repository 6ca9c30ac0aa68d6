"""`brain caption write`: the slice table in, a caption for every slice out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def write(
    out: Annotated[Path, typer.Argument(help="Folder that `brain caption tabulate` wrote.")],
    seed: Annotated[int, typer.Option("--seed", help="Which wording each slice gets.")] = 0,
    language: Annotated[str, typer.Option("--language", help="en, fr, or a folder of wordings.")] = "en",
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="Most tokens of a caption: 512 BiomedBERT, 77 CLIP.")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option("--tokenizer", help="Name in the Hugging Face cache, folder, or tokenizer.json.")
    ] = None,
    organ: Annotated[
        str | None, typer.Option("--organ", help="What the labels cover, where it is not the brain: femur.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Local processes; 0: one a core.")] = 0,
    scheduler: Annotated[str | None, typer.Option("--scheduler", help="Address of a Dask scheduler.")] = None,
) -> None:
    """Say every slice in words, each in one of the language's wordings.

    Equal seed and slice give the equal caption, however the work was sharded. The same command again writes only the
    parts that are missing.

    Example: brain caption write work/captions --seed 1 --max-tokens 512 --tokenizer tokenizer.json
    """
    from braincaption.captions import CaptionSettings, write_captions
    from braincaption.engine import Workers

    settings = CaptionSettings(seed=seed, language=language, max_tokens=max_tokens, tokenizer=tokenizer, organ=organ)
    written = write_captions(out, settings=settings, workers=Workers(count=workers, scheduler=scheduler))
    print(f"{written} captions written to {out / 'captions'}")
