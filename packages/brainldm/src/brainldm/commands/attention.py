"""`brain ldm attention`: a prompt and a word in, the drawn slice and the word's heat map out."""

from pathlib import Path
from typing import Annotated

import typer


def attention(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What to draw.")],
    word: Annotated[str, typer.Option(help="Word, number or phrase of the prompt.")],
    out: Annotated[Path, typer.Option(help="Folder for slice.png, heat.png and heat.npy.")],
    model: Annotated[str, typer.Option(help="Name in the zoo, or model folder.")] = "phantom",
    steps: Annotated[int | None, typer.Option(min=1, help="Sampling steps; 20, or the model's under --mask.")] = None,
    sampler: Annotated[str | None, typer.Option(help="dpmpp, ddim or ddpm; dpmpp, or the model's.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Weight of the caption; by default the model's.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the picture.")] = 0,
    mask: Annotated[Path | None, typer.Option(help="Structure to follow: PNG or NIfTI of one slice.")] = None,
) -> None:
    """Show where in the slice the model looked for a word.

    Example: brain ldm attention "Axial T2-weighted slice, lateral ventricles" --word ventricles --out heat
    """
    import numpy as np

    from braincaption.atomic import atomic_folder
    from braincaption.slicefolder import encode_png
    from brainldm.controllable.generate import ControlledGenerator, open_model
    from brainldm.controllable.heat import Asked, word_heats
    from brainldm.generate import SamplerSettings
    from brainldm.heatmap import word_heat
    from brainldm.zoo import find_model

    loaded, usual = open_model(find_model(model), None if mask is None else str(mask))
    weight = usual.guidance if guidance is None else guidance
    how = SamplerSettings(steps=steps or usual.steps, sampler=sampler or usual.sampler, guidance=weight, negative="")
    if mask is not None and isinstance(loaded, ControlledGenerator):
        asked = Asked(prompt=prompt, words=(word,), seed=seed, lines=loaded.lines(mask))
        found = word_heats(loaded, asked, how)[word]
    else:
        found = word_heat(loaded, prompt, word, seed, how)
    with atomic_folder(out) as aside:
        (aside / "slice.png").write_bytes(encode_png(found.picture))
        (aside / "heat.png").write_bytes(encode_png((255 * found.heat).round().astype(np.uint8)))
        np.save(aside / "heat.npy", found.heat)
    print(f"{out}: slice.png, heat.png and heat.npy for {word!r}")
