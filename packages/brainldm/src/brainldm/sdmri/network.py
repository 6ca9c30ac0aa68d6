"""A U-Net of diffusers in, a denoiser as brainldm's loops call it out; and which of its parameters learn."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from braincaption.extras import require
from brainldm.sdmri.settings import LORA, TrainedSettings
from brainldm.text.protocol import EncodedText


class PromptedUNet(nn.Module):
    """Stable Diffusion's U-Net with the arguments of `brainldm.unet.TextUNet`.

    Parameters
    ----------
    unet : UNet2DConditionModel
    """

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self, latents: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor, pooled: Any
    ) -> torch.Tensor:
        """Return the prediction, shape of `latents`; `mask` and `pooled` are not used: the padding is attended to."""
        found: torch.Tensor = self.unet(latents, timesteps, encoder_hidden_states=tokens, return_dict=False)[0]
        return found

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, text: EncodedText) -> torch.Tensor:
        """Return the prediction for captions as one object."""
        return self(latents, timesteps, text.tokens, text.mask, text.pooled)


def make_trainable(unet: Any, settings: TrainedSettings) -> nn.Module:
    """Freeze what does not learn, add the low-rank updates if asked for, and return what learns.

    Their initial values come from torch's global generator.

    Raises
    ------
    BrainError
        Low-rank updates are asked for and `peft` is not installed.
    """
    unet.train()
    if settings.gradient_checkpointing:
        unet.enable_gradient_checkpointing()
    if settings.part != LORA:
        return unet.requires_grad_(True)
    unet.requires_grad_(False)
    unet.add_adapter(lora_config(settings))
    return lora_parameters(unet)


def lora_config(settings: TrainedSettings) -> Any:
    """Return peft's description of the low-rank updates."""
    peft = require("peft", "lora", "brainldm")
    return peft.LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        init_lora_weights="gaussian",
        target_modules=list(settings.lora_layers),
    )


def lora_parameters(unet: Any) -> nn.ParameterDict:
    """Return the low-rank matrices of a U-Net with an adapter by name: the same tensors, so that both learn."""
    found = {name: value for name, value in unet.named_parameters() if "lora_" in name}
    return nn.ParameterDict({name.replace(".", "|"): value for name, value in found.items()})
