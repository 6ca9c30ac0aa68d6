"""`brain ldm attention`: a prompt, or a table of them, and words in; the slice and where each word was seen out."""

from pathlib import Path
from typing import Annotated

import typer


def attention(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT|CAPTIONS.parquet", help="What to draw.")],
    word: Annotated[list[str], typer.Option(help="Word, number or phrase of the prompt; for a table, repeat.")],
    out: Annotated[
        Path, typer.Option(help="Folder for slice.png, heat.png and heat.npy, or the table's slice folder.")
    ],
    model: Annotated[str, typer.Option(help="Name in the zoo, or model folder.")] = "phantom",
    steps: Annotated[int | None, typer.Option(min=1, help="Sampling steps; 20, or the model's under --mask.")] = None,
    sampler: Annotated[str | None, typer.Option(help="dpmpp, ddim or ddpm; dpmpp, or the model's.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Weight of the caption; by default the model's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the picture.")] = 0,
    mask: Annotated[str | None, typer.Option(help="Structure to follow, as for generate.")] = None,
) -> None:
    """Show where in the slice the model looked for a word.

    Of a table of captions, OUT is a slice folder with the map of each word that a caption says; OUT/mean has the mean
    map of each word.

    Example: brain ldm attention "Axial T2-weighted slice, lateral ventricles" --word ventricles --out heat
    """
    from brainldm.controllable.generate import masked, open_model
    from brainldm.generate import SamplerSettings
    from brainldm.prompts import requests
    from brainldm.zoo import find_model

    loaded, usual = open_model(find_model(model), mask)
    weight = usual.guidance if guidance is None else guidance
    how = SamplerSettings(steps=steps or usual.steps, sampler=sampler or usual.sampler, guidance=weight, negative="")
    wanted = masked(prompt, requests(prompt, 1, seed, loaded.record.sequences), mask, loaded)
    if len(wanted) > 1 or len(word) > 1:
        from brainldm.controllable.word_maps import write_word_maps

        print(f"{out}: {write_word_maps(loaded, wanted, word, how, out)} maps of {', '.join(word)}")
        return
    from brainldm.controllable.heat import draw_heat

    draw_heat(loaded, wanted[0], word[0], how, out)
    print(f"{out}: slice.png, heat.png and heat.npy for {word[0]!r}")
