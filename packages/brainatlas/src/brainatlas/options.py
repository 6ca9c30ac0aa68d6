"""Words of the command line in, selections and run settings out; the options that several commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brainatlas.cohorts import Scan, Selection
    from brainatlas.strip.methods import StripSettings
    from brainatlas.workflow.run import RunSettings

_EXAMPLE = """it like '{"sbatch_args": "--mem=4G"}'"""

Out = Annotated[Path, typer.Option("--out", help="Output folder; runs add to it.")]
Participants = Annotated[
    list[str] | None,
    typer.Option(
        "--participant-label", help="Only these participants, with or without sub- (repeat, or separate by spaces)."
    ),
]
AtlasParticipants = Annotated[
    list[str] | None, typer.Option("--atlas-participant-label", help="Only these participants of the atlas.")
]
Sessions = Annotated[list[str] | None, typer.Option("--session-label", help="Only these sessions.")]
Sequences = Annotated[list[str] | None, typer.Option("--sequence", help="Only these contrasts: T1w, T2w, FLAIR …")]
Recipe = Annotated[
    Path | None, typer.Option("--recipe", help="Recipe file or folder of the cohorts; otherwise recognised.")
]
Method = Annotated[str, typer.Option("--method", help="How brains are found: deepbet, template, mask or command.")]
Masks = Annotated[Path | None, typer.Option("--masks", help="For mask: folder of masks; otherwise the cohort's own.")]
N4 = Annotated[bool, typer.Option("--n4", help="Also divide each brain by its bias field (N4).")]
Command = Annotated[
    str | None,
    typer.Option("--command", help="For command: a command line with {image} and {mask} in it."),
]
Plugin = Annotated[str, typer.Option("--plugin", help="nipype plugin: MultiProc, Linear, SLURM, SLURMGraph …")]
PluginArgs = Annotated[
    str | None, typer.Option("--plugin-args", help='Arguments of the plugin as JSON: \'{"sbatch_args": "--mem=4G"}\'.')
]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Processes of MultiProc; 0: one a processor.")]


def selection(
    participants: list[str] | None, sessions: list[str] | None = None, sequences: list[str] | None = None
) -> Selection:
    """Return the selection that the options name."""
    from brainatlas.cohorts import Selection

    return Selection(participants=_words(participants), sessions=_words(sessions), sequences=_words(sequences))


def run_settings(plugin: str, plugin_args: str | None, workers: int) -> RunSettings:
    """Return how the work is spread.

    Raises
    ------
    UsageError
        The arguments of the plugin are no JSON object, or there is no such plugin.
    """
    from brainatlas.workflow.run import RunSettings, check_plugin
    from braincaption.errors import UsageError

    try:
        arguments: Any = json.loads(plugin_args) if plugin_args else {}
    except ValueError as error:
        raise UsageError(
            f'--plugin-args is no JSON ({error}): write it like \'{{"sbatch_args": "--mem=4G"}}\''
        ) from None
    if not isinstance(arguments, dict):
        raise UsageError(
            f'--plugin-args {plugin_args} is no JSON object: write it like \'{{"sbatch_args": "--mem=4G"}}\''
        )
    settings = RunSettings(plugin=plugin, workers=workers, plugin_args=arguments)
    check_plugin(settings)
    return settings


def strip_settings(
    method: str,
    masks: Path | None,
    command: str | None,
    *,
    heads: Iterable[Scan] | None = None,
    n4: bool = False,
    force: bool = False,
) -> StripSettings:
    """Return how brains are found, checked as far as that goes without a scan.

    Raises
    ------
    UsageError
        There is no such method, folder, command or atlas.
    """
    from brainatlas.strip.job import absolute
    from brainatlas.strip.methods import StripSettings, load_stripper
    from braincaption.errors import UsageError

    load_stripper(method)
    if masks is not None and not masks.is_dir():
        raise UsageError(f"--masks {masks} is no folder: check the path")
    if method == "command":
        from brainatlas.strip.methods.command import fill_in

        fill_in(command, image=Path("i"), mask=Path("m"), brain=Path("b"))
    chosen: tuple[Scan, ...] = ()
    if method == "template":
        from brainatlas.strip.methods.template import choose_heads

        chosen = tuple(absolute(scan) for scan in choose_heads(heads or ()))
    return StripSettings(
        method=method,
        masks=masks.absolute() if masks else None,
        command=command,
        heads=chosen,
        n4=n4,
        force=force,
    )


def _words(values: list[str] | None) -> tuple[str, ...]:
    return tuple(word for value in values or [] for word in value.replace(",", " ").split())
