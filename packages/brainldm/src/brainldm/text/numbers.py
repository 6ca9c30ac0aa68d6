"""A caption in, the same with every number as one token out, beside the numbers as comparable features."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

NUMBER_TOKEN = "[NUM]"
# A number that stands alone: "T2w" and "sub-05a" hold none; a sign counts only where no word or number precedes it.
_NUMBER = re.compile(r"(?<![\w.])(?:(?<![\w.)–-])[-−+])?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w]|\.\d)")
_FREQUENCIES = (0.125, 0.25, 0.5, 1.0, 2.0)  # turns per e-fold of the number's size
FEATURES = 2 + 2 * len(_FREQUENCIES)


@dataclass(frozen=True, kw_only=True)
class NumberedText:
    """A caption whose numbers are taken out.

    Attributes
    ----------
    text : str
        The caption with ``[NUM]`` for each number.
    values : tuple of float
        The numbers, in order.
    starts, ends : tuple of int
        Characters of each number in the original caption.
    """

    text: str
    values: tuple[float, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def original(self, place: int) -> int:
        """Return the place in the original caption of character `place` of ``text``."""
        shift = 0
        for start, end in zip(self.starts, self.ends, strict=True):
            if place <= start + shift:
                break
            shift += len(NUMBER_TOKEN) - (end - start)
        return place - shift


def take_numbers(caption: str) -> NumberedText:
    """Return `caption` with its numbers taken out; thousands commas and the minus sign − are understood.

    Examples
    --------
    >>> take_numbers("T2w at −12.5 mm: 1,234 mm³").text
    'T2w at [NUM] mm: [NUM] mm³'
    >>> take_numbers("T2w at −12.5 mm: 1,234 mm³").values
    (-12.5, 1234.0)
    """
    found = list(_NUMBER.finditer(caption))
    values = tuple(float(match.group().replace(",", "").replace("−", "-")) for match in found)
    return NumberedText(
        text=_NUMBER.sub(NUMBER_TOKEN, caption),
        values=values,
        starts=tuple(match.start() for match in found),
        ends=tuple(match.end() for match in found),
    )


def number_features(values: torch.Tensor) -> torch.Tensor:
    """Return numbers of shape (…) as features of shape (…, 12): sign, size, and waves of the size's logarithm."""
    size = values.abs().log1p()
    waves = 2 * torch.pi * size.unsqueeze(-1) * torch.tensor(_FREQUENCIES)
    sign = values.sign().unsqueeze(-1)
    return torch.cat([sign, sign * size.unsqueeze(-1) / 8, waves.sin(), waves.cos() * sign.abs()], dim=-1)
