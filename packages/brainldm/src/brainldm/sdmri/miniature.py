"""Settings and slices in, a small Stable Diffusion in diffusers' layout out: its VAE trained, its U-Net not.

It stands for the real one in tests and on a CPU. Its VAE sees the slices under random grey curves and noise, as the
real one has seen pictures of every kind; text encoder and U-Net are as chance made them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from braincaption.atomic import atomic_folder, atomic_path
from brainldm.chance import seeded
from brainldm.sdmri.base import INDEX, PARTS
from brainldm.sdmri.settings import MiniatureSettings
from brainldm.sdmri.tokens import make_tokenizer

LICENCE = "apache-2.0"  # of what is made here, from nobody's weights
_LIBRARIES = {"unet": "diffusers", "vae": "diffusers", "text_encoder": "transformers", "tokenizer": "transformers",
              "scheduler": "diffusers"}  # fmt: skip


def write_miniature(folder: Path, settings: MiniatureSettings, vae: Any, seed: int) -> None:
    """Write a miniature in diffusers' layout.

    Parameters
    ----------
    folder : Path
    settings : MiniatureSettings
    vae : AutoencoderKL
        Trained, see `brainldm.sdmri.miniature_vae`.
    seed : int
        Of U-Net and text encoder.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = make_tokenizer(settings.max_tokens)
    with seeded(seed):
        text = build_text_encoder(settings, tokenizer)
        unet = build_unet(settings, vae.config.sample_size // 2 ** (len(settings.vae_channels) - 1))
    parts = {"unet": unet, "vae": vae, "text_encoder": text, "tokenizer": tokenizer, "scheduler": _scheduler(settings)}
    with atomic_folder(folder) as aside:
        for name, part in parts.items():
            part.save_pretrained(aside / name)
        card = (
            f"---\nlicense: {LICENCE}\n---\nA miniature Stable Diffusion that brainldm made: its U-Net is untrained.\n"
        )
        (aside / "README.md").write_text(card, encoding="utf-8")
        write_index(aside, {name: type(part).__name__ for name, part in parts.items()})


def build_vae(settings: MiniatureSettings, size: int) -> Any:
    """Return an untrained VAE for pictures of `size`, weights from torch's global generator."""
    from diffusers import AutoencoderKL

    levels = len(settings.vae_channels)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=settings.vae_channels,
        layers_per_block=settings.vae_blocks,
        latent_channels=settings.latent_channels,
        norm_num_groups=settings.norm_groups,
        sample_size=size,
    )


def build_unet(settings: MiniatureSettings, side: int) -> Any:
    """Return an untrained U-Net for latents of `side`: text enters all levels but the outermost."""
    from diffusers import UNet2DConditionModel

    inner = len(settings.unet_channels) - 1
    return UNet2DConditionModel(
        sample_size=side,
        in_channels=settings.latent_channels,
        out_channels=settings.latent_channels,
        block_out_channels=settings.unet_channels,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * inner,
        up_block_types=("CrossAttnUpBlock2D",) * inner + ("UpBlock2D",),
        layers_per_block=settings.unet_blocks,
        cross_attention_dim=settings.text_width,
        attention_head_dim=settings.heads,  # diffusers' name for the number of heads of Stable Diffusion v1
        norm_num_groups=settings.norm_groups,
    )


def build_text_encoder(settings: MiniatureSettings, tokenizer: Any) -> Any:
    """Return CLIP's text encoder, small and untrained; its weights are spread so that prompts differ in every state.

    A trained CLIP carries the whole prompt into its last states and its padding. With the usual small weights a random
    one hardly mixes tokens: prompts at 0.3 T and at 3 T differ in four of them, and in those by little.
    """
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.text_width,
        intermediate_size=4 * settings.text_width,
        num_hidden_layers=settings.text_layers,
        num_attention_heads=settings.text_heads,
        max_position_embeddings=settings.max_tokens,
        initializer_factor=settings.text_spread,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config).eval()


def write_index(folder: Path, classes: dict[str, str]) -> None:
    """Write model_index.json: the class of each part, and that there is no safety checker."""
    import diffusers

    document: dict[str, Any] = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": diffusers.__version__,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
    } | {part: [_LIBRARIES[part], classes[part]] for part in PARTS}
    with atomic_path(folder / INDEX) as aside:
        aside.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _scheduler(settings: MiniatureSettings) -> Any:
    from diffusers import DDIMScheduler

    # Stable Diffusion v1's own numbers.
    return DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False,
        prediction_type=settings.prediction, set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip
