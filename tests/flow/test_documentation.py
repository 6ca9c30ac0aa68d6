"""Every command, option and link that the documentation shows exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from braincaption.brain import build

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for pattern in ("README.md", "docs/**/*.md", "packages/*/README.md", "benchmarks/**/*.md", "datasets/*/README.md")
    for path in REPOSITORY.glob(pattern)
)


def _commands(page: Path) -> list[list[str]]:
    """Command lines that begin with `brain` in the page's bash blocks, continuation lines joined."""
    found = []
    for block in re.findall(r"```(?:bash|sh|console)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            text = line.strip().removeprefix("$ ")
            if re.match(r"brain\s", text):
                found.append(shlex.split(text, comments=True))
    return found


def _check(words: list[str]) -> None:
    command: Any = typer.main.get_command(build())
    path, rest = ["brain"], words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        assert name in command.commands, f"{' '.join([*path, name])} does not exist"
        path.append(name)
        command = command.commands[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in rest:
        if word.startswith("--"):
            option = word.split("=")[0]
            assert option in known | {"--help"}, f"{' '.join(path)} has no {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_commands_exist(page: Path) -> None:
    for words in _commands(page):
        _check(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist"


def test_the_readme_shows_the_whole_flow() -> None:
    shown = {tuple(words[1:3]) for words in _commands(REPOSITORY / "README.md")}
    assert {("atlas", "register"), ("caption", "dataset"), ("ldm", "generate"), ("eval", "report")} <= shown


def test_no_page_or_source_names_a_machine() -> None:
    """The project speaks of itself alone: no path of somebody's machine in what is committed."""
    pattern = re.compile(r"(?<![\w.])/(?:work|root|home/\w+)/")
    sources = [*REPOSITORY.glob("packages/*/src/**/*.py"), *REPOSITORY.glob("benchmarks/**/*.*"), *PAGES]
    named = [
        path.name for path in sources if path.suffix in {".py", ".md", ".json"} and pattern.search(path.read_text())
    ]
    assert not named
