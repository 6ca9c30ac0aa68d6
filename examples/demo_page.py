"""What the demo made in, one page out: captions, reconstructions, generations by contrast, scores with floors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braincaption.slicefolder import read_slices, write_slices
from braineval.report import Fact, Section, build
from braineval.report.sections import captioned
from braineval.settings import Settings
from braineval.slices import open_slices

TITLE = "From eight heads to text-conditioned slices"
INTRO = (
    "A synthetic cohort of eight people in three contrasts was stripped, registered, labelled, captioned and used to "
    "train a small VAE and a small diffusion model on two CPU cores. The sixteen slices below were drawn from captions "
    "of people whom no model was trained on, with fixed seeds and no selection. They are small and plain: this page "
    "shows that every part works, and what each score is worth."
)
RECONSTRUCTED = 96
# What a short demo can afford; `brain eval report` without --metric computes all.
SCORES = ("contrast-accuracy", "fid", "frechet", "memorisation", "ms-ssim", "ncc", "psnr", "ssim", "ssim-brain")


def reconstruct(slices: Path, vae: Path, out: Path) -> None:
    """Write the VAE's reconstructions of slices of unseen people, with the keys of the slices themselves."""
    from brainldm.model_folder import load_vae
    from brainldm.slices import to_bytes, to_float

    real = read_slices(slices)
    held_out = np.flatnonzero(real.table["split"] == "test")
    chosen = np.unique(held_out[np.linspace(0, len(held_out) - 1, RECONSTRUCTED).astype(int)])
    network: Any = load_vae(vae)[0]
    pictures = np.stack([real.image(int(i)) for i in chosen])
    made = to_bytes(network.reconstruct(to_float(pictures)))
    table = real.table.iloc[chosen].drop(columns="file_name").replace({np.nan: None})
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    write_slices(out, zip(rows, made, strict=True))


def write_page(out: Path, commands: list[str], seconds: float, seed: int) -> Path:
    """Score what the demo made and return the page."""
    slices = open_slices(out / "slices")
    volumes = len(pd.read_parquet(out / "labelled" / "catalog.parquet", columns=["volume_id"]))
    captions = len(pd.read_parquet(out / "captions" / "captions", columns=["index"]))
    facts = [
        Fact(value=f"{volumes:,}", label="labelled volumes of 24 scans, each in every scan's space"),
        Fact(value=f"{captions:,}", label="slices with their captions"),
        Fact(value=f"{seconds / 60:.1f} min", label="from nothing to this page, scores not counted"),
    ]
    before = [
        Section(title="How it was made", lead="Every command, as it ran.", code="\n".join(commands), folded=True),
        captioned(slices),
    ]
    generated = {"VAE": out / "reconstructions", "demo": out / "generated"}
    report = build(
        out / "slices",
        generated,
        out / "scores",
        settings=Settings(seed=seed),
        chosen=SCORES,
        title=TITLE,
        intro=INTRO,
        facts=facts,
        before=before,
    )
    page = out / "index.html"
    page.write_bytes(report.read_bytes())
    return page
