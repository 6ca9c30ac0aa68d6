"""A training run's losses and pictures in, TensorBoard event files in the model folder's ``training/logs`` out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

LOGS = "training/logs"
_EVERY = 10  # steps between two losses: reading one makes a GPU wait
Draw = Callable[[], npt.NDArray[np.uint8]]


class Journal:
    """What TensorBoard shows of a run; a resumed run goes on in the same folder.

    Parameters
    ----------
    out : Path
        Model folder.
    name : str
        Of the training: ``vae`` or ``ldm``.
    begun : int
        Steps done before; what a killed run logged past them is dropped.
    active : bool
        False in every process but the main one: nothing is written.
    """

    def __init__(self, out: Path, name: str, begun: int, active: bool) -> None:
        self.name, self._writer = name, None
        if active:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(out / LOGS / name), purge_step=begun)

    def loss(self, step: int, value: torch.Tensor, **rates: float) -> None:
        """Log the loss of a step, now and then."""
        if self._writer is None or step % _EVERY:
            return
        self._writer.add_scalar(f"{self.name}/loss", float(value.detach()), step)
        for key, rate in rates.items():
            self._writer.add_scalar(f"{self.name}/{key}", rate, step)

    def pictures(self, step: int, draw: Draw) -> None:
        """Log pictures of shape (n, height, width), drawn only where they are wanted, side by side."""
        if self._writer is None:
            return
        row = np.concatenate(list(draw()), axis=1)
        self._writer.add_image(f"{self.name}/samples", row[None], step)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
