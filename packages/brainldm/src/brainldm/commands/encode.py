"""`brain ldm encode`: slices and a VAE in, latents and text embeddings out."""

from pathlib import Path
from typing import Annotated

import typer


def encode(
    slices: Annotated[Path, typer.Argument(metavar="SLICES", help="Slice folder, or dataset folder.")],
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that train-vae wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of latents to write.")],
    text: Annotated[str, typer.Option(help="built-in, biomedbert, pubmedclip, a Hub name, or a folder.")] = "built-in",
    seed: Annotated[int, typer.Option(help="Seed of the built-in text encoder.")] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; by default OMP_NUM_THREADS or all.")] = None,
) -> None:
    """Encode slices and their captions once, so that training touches neither VAE nor text encoder.

    Example: brain ldm encode slices vae --out latents --text built-in
    """
    from brainldm.autoencoder import downsampling
    from brainldm.device import use_threads
    from brainldm.latents import encode_slices
    from brainldm.model_folder import read_record
    from brainldm.slices import TRAIN, load_slices

    use_threads(threads)
    multiple = downsampling(read_record(model).settings.vae)
    training = load_slices(slices, TRAIN, multiple)
    record = encode_slices(training, model, text, seed, out)
    shape, scale = record.latent_shape, record.scale_factor
    print(f"{out}: {len(training)} latents of {shape}, scale factor {scale:.4f}, text {record.text}")
