"""`brain ldm attention`: a prompt and a word in, the drawn slice and the word's heat map out."""

from pathlib import Path
from typing import Annotated

import typer


def attention(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What to draw.")],
    word: Annotated[str, typer.Option(help="Word, number or phrase of the prompt.")],
    out: Annotated[Path, typer.Option(help="Folder for slice.png, heat.png and heat.npy.")],
    model: Annotated[str, typer.Option(help="Name in the zoo, or model folder.")] = "phantom",
    steps: Annotated[int, typer.Option(min=1, help="Sampling steps.")] = 20,
    sampler: Annotated[str, typer.Option(help="dpmpp, ddim or ddpm.")] = "dpmpp",
    guidance: Annotated[float | None, typer.Option(help="Weight of the caption; by default the model's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the picture.")] = 0,
) -> None:
    """Show where in the slice the model looked for a word.

    Example: brain ldm attention "Axial T2-weighted slice, lateral ventricles" --word ventricles --out heat
    """
    import numpy as np

    from braincaption.atomic import atomic_folder
    from braincaption.slicefolder import encode_png
    from brainldm.generate import Generator, SamplerSettings
    from brainldm.heatmap import word_heat
    from brainldm.zoo import find_model

    loaded = Generator(find_model(model))
    weight = loaded.record.settings.sampling.guidance if guidance is None else guidance
    found = word_heat(
        loaded, prompt, word, seed, SamplerSettings(steps=steps, sampler=sampler, guidance=weight, negative="")
    )
    with atomic_folder(out) as aside:
        (aside / "slice.png").write_bytes(encode_png(found.picture))
        (aside / "heat.png").write_bytes(encode_png((255 * found.heat).round().astype(np.uint8)))
        np.save(aside / "heat.npy", found.heat)
    print(f"{out}: slice.png, heat.png and heat.npy for {word!r}")
