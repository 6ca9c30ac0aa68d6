"""Eight captions in, learned by heart: the drawn slice nearest to each caption's own is its own, whatever the seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from braincaption.slicefolder import write_slices
from brainldm.config import load_config
from brainldm.generate import Generator, SamplerSettings
from brainldm.latents import encode_slices, read_latents
from brainldm.slices import load_slices
from brainldm.train_ldm import train_ldm
from brainldm.train_vae import train_vae

CAPTIONS = [("T1w", 4), ("T1w", 8), ("T1w", 14), ("T2w", 4), ("T2w", 10), ("T2w", 16), ("FLAIR", 6), ("FLAIR", 12)]
GREY = {"T1w": (200, 60), "T2w": (110, 250), "FLAIR": (160, 20)}


def picture(sequence: str, hole: int) -> np.ndarray:
    """Return a disc with a square hole, grey by sequence."""
    rows, columns = np.indices((32, 32)) - 16
    drawn = np.zeros((32, 32), dtype=np.uint8)
    drawn[rows**2 + columns**2 < 144] = GREY[sequence][0]
    drawn[(abs(rows) * 2 < hole) & (abs(columns) * 2 < hole)] = GREY[sequence][1]
    return drawn


def test_eight_captions_draw_their_own_slices_in_three_seeds(tmp_path: Path) -> None:
    write_slices(
        tmp_path / "slices",
        (
            ({"volume_id": f"v{i}", "caption": f"Axial {name} slice, a hole of {hole} mm.", "sequence": name,
              "plane": "axial", "position_mm": float(hole)}, picture(name, hole))
            for i, (name, hole) in enumerate(CAPTIONS)
        ),
    )  # fmt: skip
    tiny = load_config("tiny")
    config = replace(
        tiny,
        vae_training=replace(tiny.vae_training, steps=400, batch=8),
        text=replace(tiny.text, steps=150, batch=8),
        unet=replace(tiny.unet, channels=(16, 32, 32), head_channels=(0, 16, 16)),
        ldm_training=replace(
            tiny.ldm_training, steps=400, batch=24, drop_text=0.0, learning_rate=3e-3, caption_variants=1
        ),
    )
    slices = load_slices(tmp_path / "slices", "train", 4)
    train_vae(slices, slices, config, 0, tmp_path / "vae", None)
    encode_slices(slices, tmp_path / "vae", "built-in", 0, tmp_path / "latents")
    train_ldm(read_latents(tmp_path / "latents"), config, 0, tmp_path / "model", None)
    model, real = Generator(tmp_path / "model"), slices.pictures.astype(float)
    how = SamplerSettings(steps=20, sampler="dpmpp", guidance=1.0, negative="")
    for seed in range(3):
        drawn = model.draw(slices.table["caption"].tolist(), [seed] * 8, how).astype(float)
        errors = ((drawn[:, None] - real[None]) ** 2).mean(axis=(2, 3))
        assert errors.argmin(axis=1).tolist() == list(range(8)), f"seed {seed}"
        assert (10 * np.log10(255**2 / errors.diagonal())).min() >= 25, f"seed {seed}"
