"""`brain ldm train-vae`: a slice folder in, a VAE's model folder out."""

from pathlib import Path
from typing import Annotated

import typer


def train_vae(
    slices: Annotated[Path, typer.Argument(metavar="SLICES", help="Slice folder, or dataset folder.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    config: Annotated[str, typer.Option(help="paper, large, fast, tiny, or a TOML file.")] = "tiny",
    minutes: Annotated[float | None, typer.Option(help="Stop after this long; the same command goes on.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and noise.")] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; by default OMP_NUM_THREADS or all.")] = None,
) -> None:
    """Train a variational autoencoder on the slices of split train.

    Example: brain ldm train-vae slices --out vae --config tiny --minutes 1
    """
    from brainldm.autoencoder import downsampling
    from brainldm.config import load_config
    from brainldm.device import use_threads
    from brainldm.slices import TRAIN, VALIDATION, load_slices
    from brainldm.train_vae import train_vae as train

    use_threads(threads)
    settings = load_config(config)
    multiple = downsampling(settings.vae)
    training, held_out = (load_slices(slices, split, multiple) for split in (TRAIN, VALIDATION))
    done = train(training, held_out, settings, seed, out, minutes)
    print(
        f"{out}: VAE of config {settings.name}, {done} of {settings.vae_training.steps} steps on {len(training)} slices"
    )
