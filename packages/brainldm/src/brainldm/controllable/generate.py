"""A controllable model's folder and masked requests in, pictures that follow the lines of their masks out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from braincaption.errors import UsageError
from braincaption.slicefolder import METADATA, read_slices
from brainldm.controllable.model_folder import control_checksum, load_controlled, read_control
from brainldm.controllable.network import Under
from brainldm.controllable.settings import BOTH, CAPTION, LABELS, ControlSampling
from brainldm.controllable.structure import Lines, as_condition, edges_of, label_borders, read_mask
from brainldm.controllable.training_lines import label_maps
from brainldm.generate import NAMED_DIGITS, Generator, SamplerSettings
from brainldm.prompts import Request
from brainldm.samplers import DEFAULT, make_sampler
from brainldm.sampling import guided, sample
from brainldm.slices import to_bytes

TABLE = "table"  # the value of --mask that takes each row's own mask
_COLUMN = "mask"
_PLACE = "{sequence}"
_STEPS = 20  # of a model without a mask


class ControlledGenerator(Generator):
    """A controllable model, ready to draw under masks; without one it draws as its base does.

    Parameters
    ----------
    folder : Path
        A model folder that `brain ldm train controllable` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.control = read_control(folder)
        super().__init__(folder)
        self.controlled: Any = load_controlled(folder).eval().requires_grad_(False).to(self.device)

    @property
    def name(self) -> str:
        """The model's name with the checksum of base and branch."""
        return f"{self.control.name}-controllable@{control_checksum(self.folder)[:NAMED_DIGITS]}"

    def lines(self, mask: Path) -> Lines:
        """Return the lines that a mask file stands for, shape (height, width)."""
        return read_mask(mask, self.record.image_shape, self.record.data.get("displayed_side"), self.control.control)

    def draw_requests(self, wanted: Sequence[Request], how: SamplerSettings) -> npt.NDArray[np.uint8]:
        """Return one picture a request, uint8 of shape (n, height, width)."""
        lines = [request.lines for request in wanted if request.lines is not None]
        if len(lines) < len(wanted):
            raise UsageError("a request has no mask: give every row one, or draw without --mask")
        captions, seeds = [request.caption for request in wanted], [request.seed for request in wanted]
        return self.draw_under(captions, seeds, np.stack(lines), how)

    def draw_under(
        self, captions: Sequence[str], seeds: Sequence[int], lines: Lines, how: SamplerSettings
    ) -> npt.NDArray[np.uint8]:
        """Return one picture a caption, uint8 of shape (n, height, width), under `lines` (n, height, width)."""
        return to_bytes(self.decode(self.latents_under(captions, seeds, lines, how, Under)))

    def latents_under(
        self, captions: Sequence[str], seeds: Sequence[int], lines: Lines, how: SamplerSettings, under: Any
    ) -> torch.Tensor:
        """Return scaled latents, shape (n, channels, h, w); `under` binds network and lines, as `Under` does."""
        against = self.text([how.negative]) if how.negative else self.null
        bound = under(self.controlled, as_condition(lines).to(self.device))
        without = self.network if self.control.sampling.guided_by == BOTH else bound
        denoise = guided(bound, self.text(captions), against, how.guidance, without)
        scheduler = make_sampler(how.sampler, self.record.settings.noise)
        return sample(denoise, scheduler, how.steps, self.record.latent_shape, seeds)


def open_model(folder: Path, mask: str | None) -> tuple[Generator, ControlSampling]:
    """Return a model ready to draw, and how it does so unless told otherwise.

    Raises
    ------
    UsageError
        A mask for a model that takes none.
    """
    if mask is not None:
        controlled = ControlledGenerator(folder)
        return controlled, controlled.control.sampling
    plain = Generator(folder)
    guidance = plain.record.settings.sampling.guidance
    usual = ControlSampling(sampler=DEFAULT, steps=_STEPS, guidance=guidance, guided_by=CAPTION)
    return plain, usual


def masked(source: str, wanted: Sequence[Request], mask: str | None, model: Generator) -> list[Request]:
    """Return requests with the lines that they shall follow; as they are where there is no mask.

    Parameters
    ----------
    source : str
        What the requests were made from: a prompt, or a table of captions.
    wanted : sequence of Request
    mask : str or None
        A PNG or NIfTI for all of them, or ``table``: each row's file in its column ``mask`` (relative to the table),
        or where it has none the lines of its own slice, when the table lies in a slice folder: its edges, or the
        borders of its label map where the model learned from those.
    model : Generator

    Raises
    ------
    UsageError
        A mask that is missing or does not fit, or ``table`` without a table that has masks or slices.
    """
    if mask is None or not isinstance(model, ControlledGenerator):
        return list(wanted)
    if mask == TABLE:
        found = _lines_of_table(Path(source), model)
        each = len(wanted) // len(found)
        return [replace(request, lines=found[i // each]) for i, request in enumerate(wanted)]
    lines = model.lines(Path(mask))
    return [replace(request, lines=lines) for request in wanted]


def each_sequence(prompt: str, sequences: Sequence[str]) -> list[str]:
    """Return the prompt once a sequence where it says ``{sequence}``; with one mask and seed they show one anatomy.

    Examples
    --------
    >>> each_sequence("A {sequence} slice", ["FLAIR", "T2w"])
    ['A FLAIR slice', 'A T2-weighted slice']
    """
    if _PLACE not in prompt:
        return [prompt]
    named = [f"{name[:-1]}-weighted" if name.endswith("w") else name for name in sequences]
    return [prompt.replace(_PLACE, name) for name in named]


def _lines_of_table(path: Path, model: ControlledGenerator) -> list[Lines]:
    path = path / METADATA if path.is_dir() else path
    if path.suffix != ".parquet" or not path.is_file():
        raise UsageError(f"--mask {TABLE} wants a table of captions, not {str(path)[:60]!r}: give a mask file instead")
    table = pd.read_parquet(path)
    if _COLUMN in table.columns and table[_COLUMN].notna().all():
        return [model.lines(path.parent / name) for name in table[_COLUMN]]
    if path.name != METADATA:
        raise UsageError(f"{path} has no column {_COLUMN} with a file in every row, and no slices: add the column")
    folder = read_slices(path.parent)
    if folder.shape != model.record.image_shape:
        raise UsageError(
            f"{path.parent} has slices of {folder.shape}, the model draws {model.record.image_shape}: render at that"
        )
    if model.control.control.structure == LABELS:
        return [label_borders(one) for one in label_maps(folder.table, folder.path)]
    return list(edges_of(np.stack(list(folder.images())), model.control.control))
