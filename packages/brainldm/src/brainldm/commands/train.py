"""`brain ldm train`: a system's name and captioned slices in, its model folder out."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="A system of the zoo: see `brain ldm zoo list`.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Slice folder, or dataset folder.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    config: Annotated[str, typer.Option(help="paper, large, fast, tiny, or a TOML file.")] = "tiny",
    text: Annotated[str, typer.Option(help="built-in, biomedbert, pubmedclip, a Hub name, or a folder.")] = "built-in",
    base: Annotated[
        str | None, typer.Option(help="sd-mri: Stable Diffusion to start from, folder or Hub name in the cache.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after this long; the same command goes on.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and noise.")] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; by default OMP_NUM_THREADS or all.")] = None,
) -> None:
    """Train a system of the zoo end to end.

    Example: brain ldm train dalle-brain slices --out model --config tiny --minutes 5
    """
    from brainldm.device import use_threads
    from brainldm.systems import TrainingRequest, train_system

    use_threads(threads)
    request = TrainingRequest(data=data, out=out, config=config, text=text, minutes=minutes, seed=seed, base=base)
    print(f"{out}: {train_system(system, request)}")
