"""Installed packages in, the one `brain` command out: mounts the Typer apps of entry-point group `brain.commands`."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points, version

import typer

from braincaption.command import package_app

GROUP = "brain.commands"
ORDER = ("atlas", "caption", "ldm", "eval")


def build() -> typer.Typer:
    """Return the `brain` app with one group per installed package, ours first, in the order data walks."""
    brain = package_app("From brain MRI cohorts to captioned slices, and on to models that draw them.")
    brain.callback(invoke_without_command=True)(_root)
    for entry in sorted(entry_points(group=GROUP), key=_rank):
        _mount(brain, entry)
    return brain


def _rank(entry: EntryPoint) -> tuple[int, str]:
    return (ORDER.index(entry.name) if entry.name in ORDER else len(ORDER), entry.name)


def _mount(brain: typer.Typer, entry: EntryPoint) -> None:
    try:
        loaded = entry.load()
        if not isinstance(loaded, typer.Typer):
            raise TypeError(f"{entry.value} is no Typer app")
    except Exception as error:  # whatever a third party's import raises, the other groups must stay usable
        _mount_stub(brain, entry, error)
    else:
        brain.add_typer(loaded, name=entry.name)


def _mount_stub(brain: typer.Typer, entry: EntryPoint, error: Exception) -> None:
    package = entry.value.split(":")[0].split(".")[0]
    remedy = f"pip install --force-reinstall {package}"
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}

    @brain.command(
        entry.name, help=f"Not available: {package} does not import. Mend it: {remedy}", context_settings=anything
    )
    def explain() -> None:
        print(f"Error: {package} does not import ({type(error).__name__}: {error}). Mend it: {remedy}", file=sys.stderr)
        raise typer.Exit(1)


def _root(
    context: typer.Context,
    show_version: bool = typer.Option(False, "--version", help="Print the versions of the installed packages."),
) -> None:
    if show_version:
        for entry in sorted(entry_points(group=GROUP), key=_rank):
            package = entry.value.split(":")[0].split(".")[0]
            print(f"{package} {version(package)}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run `brain`."""
    build()(prog_name="brain")
