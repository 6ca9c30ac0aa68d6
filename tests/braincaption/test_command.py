"""Commands end with the exit code and the one-line message that the error carries, never with a traceback."""

from __future__ import annotations

import importlib.metadata
import pickle

import pytest
import typer
from typer.testing import CliRunner

from braincaption.brain import build
from braincaption.command import add_command, package_app
from braincaption.errors import BrainError, PartialFailure, ScanError, UsageError


def _app(error: BaseException | None) -> typer.Typer:
    app = package_app("test")

    def work(count: int = 1) -> None:
        """Do it."""
        if error is not None:
            raise error
        print(count)

    def other() -> None:
        """A second command, so that Typer keeps the names."""

    add_command(app, "work", work)
    add_command(app, "other", other)
    return app


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such folder"), 2),
        (ScanError("truncated"), 1),
        (PartialFailure("two failed"), 1),
        (BrainError("no"), 1),
    ],
)
def test_known_error_gives_its_exit_code_and_message_only(error: BrainError, code: int) -> None:
    result = CliRunner().invoke(_app(error), ["work"])
    assert result.exit_code == code
    assert str(error) in result.stderr
    assert "Traceback" not in result.output


def test_unexpected_error_names_debug_and_debug_shows_it() -> None:
    app = _app(RuntimeError("boom"))
    assert "--debug" in CliRunner().invoke(app, ["work"]).stderr
    assert isinstance(CliRunner().invoke(app, ["work", "--debug"]).exception, RuntimeError)


def test_interrupt_says_that_the_same_command_goes_on() -> None:
    result = CliRunner().invoke(_app(KeyboardInterrupt()), ["work"])
    assert result.exit_code == 130
    assert "same command" in result.stderr


def test_arguments_reach_the_function() -> None:
    assert CliRunner().invoke(_app(None), ["work", "--count", "3"]).stdout == "3\n"


@pytest.mark.parametrize("error", [UsageError("a"), ScanError("b"), PartialFailure("c")])
def test_errors_pickle_between_processes(error: BrainError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert str(copy) == str(error)


def test_group_that_does_not_import_becomes_a_stub(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = importlib.metadata.EntryPoint("broken", "no_such_package.app:app", "brain.commands")
    monkeypatch.setattr("braincaption.brain.entry_points", lambda group: [broken])
    app = build()
    listed = CliRunner().invoke(app, ["--help"])
    assert listed.exit_code == 0
    assert "no_such_package" in listed.stdout
    used = CliRunner().invoke(app, ["broken", "work", "--option"])
    assert used.exit_code == 1
    assert "pip install" in used.stderr
