"""A Python function in, a Typer command with our error handling out; used by the Typer app of every package."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from braincaption.errors import BrainError

INTERRUPTED = 130
_DEBUG = inspect.Parameter(
    "debug",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")],
)


def package_app(summary: str) -> typer.Typer:
    """Return the empty Typer app of one package: no completion flags, help when called bare."""
    return typer.Typer(
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )


def add_command(app: typer.Typer, name: str, function: Callable[..., None]) -> None:
    """Mount `function` on `app` as command `name`, with ``--debug`` and one-line errors.

    Parameters
    ----------
    app : typer.Typer
    name : str
    function : callable
        Annotated as Typer wants it; its docstring is the help text and ends with an example.
    """
    app.command(name)(_guarded(function))


def _guarded(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def guarded(*args: Any, debug: bool = False, **options: Any) -> None:
        try:
            function(*args, **options)
        except KeyboardInterrupt:
            print("Stopped. Run the same command again: it goes on where it was.", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
        except BrainError as error:
            if debug:
                raise
            print(f"Error: {error}", file=sys.stderr)
            raise typer.Exit(error.exit_code) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if debug:
                raise
            first = " ".join(str(error).split()) or "no message"
            print(
                f"Error: {type(error).__name__}: {first}\nThis is not an error we expected: run the command again "
                "with --debug and report the traceback.",
                file=sys.stderr,
            )
            raise typer.Exit(1) from None

    signature = inspect.signature(function, eval_str=True)
    parameters = [*signature.parameters.values(), _DEBUG]
    guarded.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    guarded.__annotations__ = {p.name: p.annotation for p in parameters}
    return guarded
