"""A model's record in, its README.md out: what it is, what it was trained on, where each number comes from."""

from __future__ import annotations

from pathlib import Path

from braincaption.atomic import atomic_path
from brainldm.model_folder import CARD, ModelRecord


def write_card(folder: Path, record: ModelRecord) -> None:
    """Write README.md of a model folder, with the front matter that the Hub reads."""
    with atomic_path(folder / CARD) as aside:
        aside.write_text(card_text(record), encoding="utf-8")


def card_text(record: ModelRecord) -> str:
    """Return the model card as Markdown."""
    settings, data = record.settings, record.data
    height, width = record.image_shape
    planes = ", ".join(data["planes"]) or "unknown planes"
    sequences = ", ".join(record.sequences) or "unknown sequences"
    return f"""---
library_name: brainldm
tags: [mri, brain, latent-diffusion, text-to-image]
---
# brainldm {settings.name}

Draws one-channel brain MRI slices of {width}×{height} pixels from a caption. For research on synthetic data: not for
diagnosis, and no picture it draws is of a person.

| | |
| --- | --- |
| training slices | {data["slices"]} of {data["people"]} people; {sequences}; {planes} |
| pixel size | {"unknown" if record.pixel_mm is None else f"{record.pixel_mm:g} mm"} |
| VAE | channels {list(settings.vae.channels)}, latent {list(record.latent_shape)}, {record.vae_steps} steps |
| U-Net | channels {list(settings.unet.channels)}, {settings.noise.prediction}, {record.ldm_steps} steps |
| text encoder | {record.text}, {record.text_width} wide, in `text/` |
| scale factor | {record.scale_factor} |
| seed | {record.seed} |

`brain ldm generate "…" --out DIR --model THIS_FOLDER` draws with it.
"""
