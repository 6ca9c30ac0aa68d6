"""What a user may choose about a dataset in, frozen settings out; light, as the command imports it for defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from braincaption.render.settings import ChoiceSettings, ViewSettings

CONFIGS = ("text", "slices", "volumes")


@dataclass(frozen=True, kw_only=True)
class DatasetSettings:
    """What goes into a dataset folder.

    Attributes
    ----------
    configs : tuple of str
        Of `CONFIGS`.
    licence : str, optional
        Only images under this licence; for publishing incompatible licences apart.
    choice : ChoiceSettings
        Slices of configuration ``slices``; also the seed and the shares of the splits, and whether they leak.
    view : ViewSettings
        How they are drawn.
    shard_mb : int
        A shard is closed once it holds this many megabytes (the Hub asks for about 500).
    """

    configs: tuple[str, ...] = CONFIGS
    licence: str | None = None
    choice: ChoiceSettings = field(default_factory=ChoiceSettings)
    view: ViewSettings = field(default_factory=ViewSettings)
    shard_mb: int = 400
