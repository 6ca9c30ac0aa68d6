"""A text-to-slice U-Net in, the same with a control branch beside it out: copies of encoder and middle block."""

from __future__ import annotations

import copy
from typing import Any

import torch
from monai.networks.nets import ControlNet
from torch import nn

from brainldm.attention import mask_cross_attention
from brainldm.config import UnetSettings
from brainldm.controllable.settings import FIRST_MIDDLE_BLOCK, ControlSettings
from brainldm.text.protocol import EncodedText
from brainldm.unet import NORM_EPS, TextUNet


class ControlledUNet(nn.Module):
    """A denoiser of latents given a timestep, a caption and the lines of the anatomy (Zhang et al. 2023, Kim et al.).

    Parameters
    ----------
    main : TextUNet
        Trained; the branch starts as a copy of its encoder and middle block, and what its zero convolutions give to
        the main decoder starts at nothing.
    settings : UnetSettings
        Of `main`.
    control : ControlSettings
    """

    def __init__(self, main: TextUNet, settings: UnetSettings, control: ControlSettings) -> None:
        super().__init__()
        self.main = main
        self.branch = _branch(main.unet, settings, control)

    def forward(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        tokens: torch.Tensor,
        mask: torch.Tensor,
        pooled: torch.Tensor,
        lines: torch.Tensor,
    ) -> torch.Tensor:
        """Return the prediction, shape of `latents` (n, channels, h, w), under `lines` (n, 1, height, width)."""
        seen, context, labels = self.main.inputs(latents, tokens, mask, pooled)
        skips, middle = self.branch(seen, timesteps, lines, context=context, class_labels=labels)
        return self.main.unet(
            seen,
            timesteps,
            context=context,
            class_labels=labels,
            down_block_additional_residuals=skips,
            mid_block_additional_residual=middle,
        )

    def trained(self, main_trained: str) -> nn.ModuleDict:
        """Freeze all that the paper freezes and return the rest: the branch and, if asked, a block of the main U-Net.

        "The first middle block" is the first residual block of the middle, before its attention.
        """
        self.requires_grad_(False)
        parts = {"branch": self.branch}
        if main_trained == FIRST_MIDDLE_BLOCK:
            parts["middle"] = self.main.unet.middle_block.resnet_1
        return nn.ModuleDict(parts).requires_grad_(True)

    def attending(self) -> nn.ModuleList:
        """Return the paths whose attention a heat map sums: down and up of the main U-Net, down of the branch."""
        return nn.ModuleList([self.main.unet.down_blocks, self.main.unet.up_blocks, self.branch.down_blocks])


class Under:
    """A controlled network with its lines held fast: a network as `brainldm.sampling.guided` wants it.

    Parameters
    ----------
    network : ControlledUNet
    lines : Tensor
        Shape (n, 1, height, width), on the network's device.
    """

    def __init__(self, network: ControlledUNet, lines: torch.Tensor) -> None:
        self.network, self.lines = network, lines

    def parameters(self) -> Any:
        """Return the network's parameters, which tell its device."""
        return self.network.parameters()

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, text: EncodedText) -> torch.Tensor:
        """Return the prediction for captions as one object."""
        return self.network(latents, timesteps, text.tokens, text.mask, text.pooled, self.lines)


def _branch(unet: Any, settings: UnetSettings, control: ControlSettings) -> Any:
    branch: Any = ControlNet(
        spatial_dims=2,
        in_channels=unet.in_channels,
        channels=settings.channels,
        num_res_blocks=settings.res_blocks,
        attention_levels=settings.attention_levels,
        num_head_channels=settings.head_channels,
        norm_num_groups=settings.norm_groups,
        norm_eps=NORM_EPS,
        with_conditioning=True,
        cross_attention_dim=settings.text_width,
        num_class_embeds=1 if settings.pooled_text else None,
        conditioning_embedding_num_channels=control.condition_channels,
        use_flash_attention=True,
    )
    mask_cross_attention(branch)
    if settings.pooled_text:
        branch.class_embedding = copy.deepcopy(unet.class_embedding)
    own = {key for key in branch.state_dict() if key.startswith("controlnet_")}
    shared = {key: tensor for key, tensor in unet.state_dict().items() if key in branch.state_dict()}
    odd = branch.load_state_dict(shared, strict=False)
    if set(odd.missing_keys) != own:
        raise RuntimeError(f"the branch is no copy of the encoder: {sorted(set(odd.missing_keys) ^ own)[:4]}")
    return branch
