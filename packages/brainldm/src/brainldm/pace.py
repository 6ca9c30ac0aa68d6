"""Minutes and a checkpoint interval in, the moments to save and to stop out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from brainldm.config import LdmTraining, VaeTraining


@dataclass
class Pace:
    """Tell a training loop when its time is up and when a checkpoint is due.

    Parameters
    ----------
    minutes : float or None
        Stop after this long; None trains to the config's last step.
    checkpoint_minutes : float
        Time between checkpoints.
    clock : callable
        Seconds, monotonic; a test passes its own.
    """

    minutes: float | None
    checkpoint_minutes: float
    clock: Callable[[], float] = time.monotonic
    _begun: float = field(init=False)
    _saved: float = field(init=False)

    def __post_init__(self) -> None:
        self._begun = self._saved = self.clock()

    @property
    def is_over(self) -> bool:
        """Whether the minutes are used up."""
        return self.minutes is not None and self.clock() - self._begun >= 60 * self.minutes

    def checkpoint_is_due(self) -> bool:
        """Tell whether to save now; answering yes starts the next interval."""
        now = self.clock()
        if now - self._saved < 60 * self.checkpoint_minutes:
            return False
        self._saved = now
        return True


def resumable(settings: VaeTraining | LdmTraining) -> dict[str, Any]:
    """Return the training settings that a resumed run must share: all but how long it lasts and when it saves."""
    return {key: value for key, value in asdict(settings).items() if key not in ("steps", "checkpoint_minutes")}


def warmed_up(step: int, warmup_steps: int) -> float:
    """Return the learning rate's factor at `step`: linear from near 0 to 1 over the warm-up, then constant.

    A constant rate with an average of the weights needs no known end, so a run may stop and go on at any step.
    """
    return min(1.0, (step + 1) / max(1, warmup_steps))
