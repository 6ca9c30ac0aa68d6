"""The command names are a contract: all that is listed is in it, and shows an example in its help."""

from __future__ import annotations

import importlib

import pytest
import typer.main

CONTRACT = {
    "atlas": "phantom index plan strip register vote expand materialize validate report",
    "caption": "tabulate write render export dataset publish",
    "ldm": "train-vae encode train-ldm train generate attention zoo demo",
}
# Beyond the contract, as an issue asks for an explicit command: slices out of HDF5 cohorts.
CONTRACT["atlas"] += " slices"
# Without these the flow of README.md does not run.
FLOW = {
    "atlas": "phantom index strip register vote expand materialize report",
    "caption": "tabulate write render export dataset publish",
    "ldm": "train-vae encode train-ldm generate",
    "eval": "report contrast-accuracy ssim",
}


def _commands(group: str) -> dict[str, object]:
    app = importlib.import_module(f"brain{group}.app").app
    command = typer.main.get_command(app)
    return dict(command.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("group", CONTRACT)
def test_only_names_of_the_contract_are_listed(group: str) -> None:
    assert set(_commands(group)) <= set(CONTRACT[group].split())


@pytest.mark.parametrize("group", FLOW)
def test_commands_of_the_flow_are_there(group: str) -> None:
    assert set(FLOW[group].split()) <= set(_commands(group))


@pytest.mark.parametrize("group", FLOW)
def test_every_command_shows_an_example(group: str) -> None:
    for name, command in _commands(group).items():
        if hasattr(command, "commands"):  # a group of commands, such as `zoo`
            continue
        assert f"brain {group} {name}" in (command.help or ""), f"brain {group} {name} has no example in its help"  # type: ignore[attr-defined]
