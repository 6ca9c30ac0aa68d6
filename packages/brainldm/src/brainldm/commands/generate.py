"""`brain ldm generate`: a prompt or a table of captions in, a slice folder out."""

from pathlib import Path
from typing import Annotated

import typer


def generate(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT|CAPTIONS.parquet", help="What to draw.")],
    out: Annotated[Path, typer.Option(help="Slice folder to write.")],
    model: Annotated[str, typer.Option(help="Name in the zoo, or model folder.")] = "phantom",
    n: Annotated[int, typer.Option(min=1, help="Pictures a caption.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="Sampling steps.")] = 20,
    sampler: Annotated[str, typer.Option(help="dpmpp, ddim or ddpm.")] = "dpmpp",
    guidance: Annotated[float | None, typer.Option(help="Weight of the caption; by default the model's.")] = None,
    negative: Annotated[str, typer.Option(help="What not to draw.")] = "",
    nifti: Annotated[bool, typer.Option("--nifti", help="Also write each slice as NIfTI, in OUT/nifti.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first picture.")] = 0,
) -> None:
    """Draw slices from text.

    Example: brain ldm generate "Axial T2-weighted slice" --out drawn --n 4 --seed 1
    """
    from brainldm.generate import Generator, SamplerSettings
    from brainldm.generate import generate as draw
    from brainldm.prompts import requests
    from brainldm.zoo import find_model

    loaded = Generator(find_model(model))
    weight = loaded.record.settings.sampling.guidance if guidance is None else guidance
    wanted = requests(prompt, n, seed, loaded.record.sequences)
    how = SamplerSettings(steps=steps, sampler=sampler, guidance=weight, negative=negative)
    drawn = draw(loaded, wanted, how, out)
    if nifti:
        from brainldm.niftislice import write_nifti_slices

        write_nifti_slices(out)
    print(f"{out}: {drawn} slices drawn with {loaded.name}")
