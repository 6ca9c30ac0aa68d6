"""`brain ldm train-ldm`: latents in, a text-to-slice model folder out."""

from pathlib import Path
from typing import Annotated

import typer


def train_ldm(
    latents: Annotated[Path, typer.Argument(metavar="LATENTS", help="Folder that encode wrote.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    config: Annotated[str | None, typer.Option(help="Config name or TOML file; by default the VAE's.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after this long; the same command goes on.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and noise.")] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; by default OMP_NUM_THREADS or all.")] = None,
) -> None:
    """Train a text-conditioned diffusion model on latents.

    Example: brain ldm train-ldm latents --out model --minutes 2
    """
    from brainldm.config import load_config
    from brainldm.device import use_threads
    from brainldm.latents import read_latents
    from brainldm.train_ldm import train_ldm as train

    use_threads(threads)
    data = read_latents(latents)
    settings = load_config(config) if config else data.record.settings
    done = train(data, settings, seed, out, minutes)
    print(f"{out}: {settings.name}, {done} of {settings.ldm_training.steps} steps on {len(data)} latents")
