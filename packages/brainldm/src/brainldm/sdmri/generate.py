"""An SD-MRI model's folder and requests in, grey slices out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainldm.device import inference_device
from brainldm.generate import NAMED_DIGITS, SamplerSettings
from brainldm.prompts import Request
from brainldm.samplers import make_sampler
from brainldm.sampling import guided, sample
from brainldm.sdmri.base import find_base
from brainldm.sdmri.model_folder import model_checksum, read_sd_record
from brainldm.sdmri.network import PromptedUNet
from brainldm.sdmri.pictures import to_grey
from brainldm.sdmri.prompt import prompt_of
from brainldm.sdmri.text import PromptEncoder
from brainldm.slices import to_bytes

_BATCH = 8


class SdGenerator:
    """An SD-MRI model, ready to draw.

    Parameters
    ----------
    folder : Path
        A model folder that `brain ldm train sd-mri` wrote.
    by_facts : bool
        Ask for what a request's facts say (plane, contrast, field strength), in the words of training, where they say
        it; its caption otherwise. Meant for tables of captions, whose sentences this model was not trained on.
    """

    def __init__(self, folder: Path, by_facts: bool) -> None:
        self.by_facts = by_facts
        self.record = read_sd_record(folder)
        base = find_base(str(folder))
        self.device, self.noise = inference_device(), base.noise
        self.network = PromptedUNet(base.load("unet")).to(self.device)
        self.vae: Any = base.load("vae").to(self.device)
        self.encoder = PromptEncoder(base)
        self.name = f"{self.record.name}-sd-mri@{model_checksum(folder)[:NAMED_DIGITS]}"

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of a latent."""
        side = self.record.size // 2 ** (len(self.vae.config.block_out_channels) - 1)
        return int(self.vae.config.latent_channels), side, side

    def draw_requests(self, wanted: Sequence[Request], how: SamplerSettings) -> npt.NDArray[np.uint8]:
        """Return one picture a request, uint8 of shape (n, height, width)."""
        prompts = [(prompt_of(one.facts) if self.by_facts else None) or one.caption for one in wanted]
        return self.draw(prompts, [request.seed for request in wanted], how)

    @torch.no_grad()
    def draw(self, prompts: Sequence[str], seeds: Sequence[int], how: SamplerSettings) -> npt.NDArray[np.uint8]:
        """Return one picture a prompt, uint8 of shape (n, height, width); picture i depends on seeds[i] alone."""
        against = self.encoder.encode([how.negative])
        pictures = []
        for first in range(0, len(prompts), _BATCH):
            part = slice(first, first + _BATCH)
            denoise = guided(self.network, self.encoder.encode(prompts[part]), against, how.guidance)
            scheduler = make_sampler(how.sampler, self.noise)
            latents = sample(denoise, scheduler, how.steps, self.latent_shape, seeds[part])
            images = self.vae.decode(latents.to(self.device) / self.vae.config.scaling_factor).sample
            pictures.append(to_bytes(to_grey(images, self.record.image_shape)))
        return np.concatenate(pictures)
