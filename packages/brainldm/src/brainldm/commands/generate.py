"""`brain ldm generate`: a prompt or a table of captions in, a slice folder out."""

from pathlib import Path
from typing import Annotated

import typer


def generate(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT|CAPTIONS.parquet", help="What to draw.")],
    out: Annotated[Path, typer.Option(help="Slice folder to write.")],
    model: Annotated[str, typer.Option(help="Name in the zoo, or model folder.")] = "phantom",
    n: Annotated[int, typer.Option(min=1, help="Pictures a caption.")] = 1,
    steps: Annotated[int | None, typer.Option(min=1, help="Sampling steps; 20, or the model's under --mask.")] = None,
    sampler: Annotated[str | None, typer.Option(help="dpmpp, ddim or ddpm; dpmpp, or the model's.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Weight of the caption; by default the model's.")] = None,
    negative: Annotated[str, typer.Option(help="What not to draw.")] = "",
    mask: Annotated[
        str | None,
        typer.Option(help="Structure to follow: PNG or NIfTI of one slice, or table: each row's column mask or slice."),
    ] = None,
    nifti: Annotated[bool, typer.Option("--nifti", help="Also write each slice as NIfTI, in OUT/nifti.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first picture.")] = 0,
) -> None:
    """Draw slices from text.

    Models of the system controllable take --mask; {sequence} in a prompt is each sequence of the model in turn.

    Example: brain ldm generate "Axial T2-weighted slice" --out drawn --n 4 --seed 1
    """
    from brainldm.controllable.generate import each_sequence, masked, open_model
    from brainldm.generate import SamplerSettings
    from brainldm.generate import generate as draw
    from brainldm.prompts import requests
    from brainldm.zoo import find_model

    loaded, usual = open_model(find_model(model), mask)
    sequences = loaded.record.sequences
    wanted = [one for text in each_sequence(prompt, sequences) for one in requests(text, n, seed, sequences)]
    how = SamplerSettings(
        steps=steps or usual.steps,
        sampler=sampler or usual.sampler,
        guidance=usual.guidance if guidance is None else guidance,
        negative=negative,
    )
    drawn = draw(loaded, masked(prompt, wanted, mask, loaded), how, out)
    if nifti:
        from brainldm.niftislice import write_nifti_slices

        write_nifti_slices(out)
    print(f"{out}: {drawn} slices drawn with {loaded.name}")
