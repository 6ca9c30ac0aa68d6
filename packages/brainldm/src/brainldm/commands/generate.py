"""`brain ldm generate`: a prompt or a table of captions in, a slice folder or volumes out."""

from pathlib import Path
from typing import Annotated

import typer


def generate(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT|CAPTIONS.parquet", help="What to draw.")],
    out: Annotated[Path, typer.Option(help="Slice folder, or folder of volumes, to write.")],
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
    image: Annotated[Path | None, typer.Option(help="Scan to start from (NIfTI), for a model of volumes.")] = None,
    zooms: Annotated[
        str | None, typer.Option(help="Voxel size of the volume, mm: 1.5, or 1,1,2; by default the image's.")
    ] = None,
    nifti: Annotated[bool, typer.Option("--nifti", help="Also write each slice as NIfTI, in OUT/nifti.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first picture.")] = 0,
) -> None:
    """Draw slices from text, or with --image the volume asked for from a scan.

    Models of the system controllable take --mask, those of tumsyn want --image; {sequence} in a prompt is each
    sequence of the model in turn.

    Example: brain ldm generate "Axial T2-weighted slice" --out drawn --n 4 --seed 1
    """
    from braincaption.errors import UsageError
    from brainldm.controllable.generate import each_sequence, masked, open_model
    from brainldm.generate import SamplerSettings
    from brainldm.generate import generate as draw
    from brainldm.prompts import requests
    from brainldm.systems import DrawingRequest, keeper
    from brainldm.zoo import find_model

    folder = find_model(model)
    system = keeper(folder)
    if system is not None:
        options = {"n": n, "steps": steps, "sampler": sampler, "guidance": guidance, "negative": negative,
                   "mask": mask, "nifti": nifti, "seed": seed}  # fmt: skip
        request = DrawingRequest(
            prompt=prompt, folder=folder, out=out, image=image, zooms=_millimetres(zooms), options=options
        )
        print(f"{out}: {system.generate(request)}")
        return
    if image is not None or zooms is not None:
        raise UsageError(f"{model} draws slices from text: leave --image and --zooms out, or give a model of volumes")
    loaded, usual = open_model(folder, mask)
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


def _millimetres(zooms: str | None) -> tuple[float, ...] | None:
    """Return the voxel size that ``1.5`` or ``1,1,2`` stands for."""
    from braincaption.errors import UsageError

    if zooms is None:
        return None
    try:
        sizes = tuple(float(part) for part in zooms.split(","))
    except ValueError:
        sizes = ()
    if len(sizes) not in (1, 3) or not all(0 < size < float("inf") for size in sizes):
        raise UsageError(f"--zooms {zooms} is no voxel size: give one length in mm, or three such as 1,1,2")
    return sizes * 3 if len(sizes) == 1 else sizes
