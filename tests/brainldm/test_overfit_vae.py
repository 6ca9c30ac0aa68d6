"""Sixteen slices of 192 × 192 in, learned by heart by a small VAE: MS-SSIM of every reconstruction above 0.98."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from braineval.structural import ms_ssim
from brainldm.config import load_config
from brainldm.model_folder import load_vae
from brainldm.slices import Slices, to_float
from brainldm.train_vae import train_vae

SIDE, SLICES = 192, 16


def head(seed: int) -> np.ndarray:
    """Return an ellipse with a rim, a shading and six blobs of any grey, as uint8 of shape (SIDE, SIDE)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((SIDE, SIDE)) - SIDE / 2
    high, wide = 70 + 10 * rng.random(), 60 + 10 * rng.random()
    grey = np.zeros((SIDE, SIDE))
    grey[(rows / high) ** 2 + (columns / wide) ** 2 < 1] = 0.35
    grey[(rows / (high - 10)) ** 2 + (columns / (wide - 10)) ** 2 < 1] = 0.55
    for _ in range(6):
        (y, x), (a, b) = rng.uniform(-35, 35, 2), rng.uniform(4, 16, 2)
        grey[((rows - y) / a) ** 2 + ((columns - x) / b) ** 2 < 1] = rng.uniform(0.05, 0.95)
    shaded = grey * (1 + 0.1 * np.cos(columns / 20 + 6 * rng.random()))
    return (255 * shaded.clip(0, 1)).round().astype(np.uint8)


def test_a_small_vae_learns_sixteen_slices_by_heart(tmp_path: Path) -> None:
    facts = {"caption": "a head", "plane": "axial", "sequence": "T1w"}
    table = pd.DataFrame([facts | {"person": str(i)} for i in range(SLICES)])
    slices = Slices(pictures=np.stack([head(i) for i in range(SLICES)]), table=table)
    tiny = load_config("tiny")
    config = replace(
        tiny,
        vae=replace(tiny.vae, channels=(8, 16), attention_levels=(False, False)),  # half of tiny's downsampling
        vae_training=replace(
            tiny.vae_training, batch=2, steps=400, learning_rate=3e-3, warmup_steps=20, perceptual_weight=1.0,
            ema_decay=0.98,
        ),
    )  # fmt: skip
    train_vae(slices, slices, config, 0, tmp_path / "vae", None)
    vae = load_vae(tmp_path / "vae")[0]
    images = to_float(slices.pictures)
    with torch.no_grad():
        found = ms_ssim(vae.reconstruct(images).clamp(0, 1), images)  # type: ignore[operator]
    assert found.min() > 0.98
