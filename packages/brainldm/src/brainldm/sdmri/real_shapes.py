"""Nothing in, Stable Diffusion v1.5's three networks on the meta device out: their real shapes without their weights.

The numbers are those of its published configs (Rombach et al. 2022; config.json of unet, vae and text_encoder).
"""

from __future__ import annotations

from typing import Any

import torch

PICTURE, LATENT, TOKENS, TEXT_WIDTH = (3, 512, 512), (4, 64, 64), 77, 768


def real_unet() -> Any:
    """Return the U-Net: 859,520,964 parameters."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        return UNet2DConditionModel(
            sample_size=64,
            in_channels=4,
            out_channels=4,
            block_out_channels=(320, 640, 1280, 1280),
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            layers_per_block=2,
            cross_attention_dim=TEXT_WIDTH,
            attention_head_dim=8,
            norm_num_groups=32,
        )


def real_vae() -> Any:
    """Return the VAE: 83,653,863 parameters."""
    from diffusers import AutoencoderKL

    with torch.device("meta"):
        return AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=4,
            norm_num_groups=32,
            sample_size=512,
        )


def real_text_encoder() -> Any:
    """Return the text encoder, that of CLIP ViT-L/14: 123,060,480 parameters."""
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=49408, hidden_size=TEXT_WIDTH, intermediate_size=3072, num_hidden_layers=12,
        num_attention_heads=12, max_position_embeddings=TOKENS, hidden_act="quick_gelu",
    )  # fmt: skip
    with torch.device("meta"):
        return CLIPTextModel(config)


def count(network: Any) -> int:
    """Return the number of parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


@torch.no_grad()
def forward_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shapes that one picture and one prompt have on their way through the three networks."""
    vae, unet, text = real_vae(), real_unet(), real_text_encoder()
    picture = torch.empty((1, *PICTURE), device="meta")
    tokens = torch.zeros((1, TOKENS), dtype=torch.long, device="meta")
    latent = vae.encode(picture).latent_dist.mean
    states = text(tokens).last_hidden_state
    prediction = unet(latent, torch.zeros(1, device="meta"), encoder_hidden_states=states).sample
    decoded = vae.decode(prediction).sample
    shapes = {"latent": latent, "text": states, "prediction": prediction, "picture": decoded}
    return {name: tuple(tensor.shape[1:]) for name, tensor in shapes.items()}
