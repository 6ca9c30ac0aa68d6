"""All sessions of the project: tests, demo, accept, bench, docs. `nox -l` lists them; each installs what it needs."""

from __future__ import annotations

import tomllib
from pathlib import Path

import nox

PACKAGES = ("braincaption", "brainatlas", "brainldm", "braineval")
SUITES = {"atlas": "brainatlas", "caption": "braincaption", "ldm": "brainldm", "eval": "braineval", "flow": "flow"}
# Reproducible registrations need one ITK thread; two worker processes share two cores best with one thread each.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "NIPYPE_NO_ET": "1",
}
TOOLS = (
    "bids-validator-deno",
    "duckdb",
    "hypothesis",
    "mlcroissant",
    "mypy",
    "nox",
    "pandas-stubs",
    "polars",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "scipy-stubs",
    "selenium",
    "types-PyYAML",
)

nox.options.sessions = ["tests"]
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2025.1.1"


def install(session: nox.Session, *tools: str) -> None:
    """Install the four packages with every extra, editable, with the versions that constraints.txt pins."""
    paths = [f"packages/{name}{_extras(name)}" for name in PACKAGES]
    session.install("-c", "constraints.txt", *(part for path in paths for part in ("-e", path)), *tools)


def _extras(package: str) -> str:
    project = tomllib.loads(Path(f"packages/{package}/pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [name for name in project.get("optional-dependencies", {}) if name not in NEEDS_TORCHVISION]
    return f"[{','.join(names)}]" if names else ""


# These extras pull torchvision, which has no CPU wheel beside the pinned torch.
NEEDS_TORCHVISION = ("lpips", "inception", "openclip")


@nox.session
def tests(session: nox.Session) -> None:
    """Lint, types, then pytest; `nox -s tests -- atlas` runs one package's tests, other arguments go to pytest."""
    install(session, *TOOLS)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy", *(f"packages/{name}/src" for name in PACKAGES))
    chosen = [f"tests/{SUITES[argument]}" for argument in session.posargs if argument in SUITES]
    passed_on = [argument for argument in session.posargs if argument not in SUITES]
    parallel = [] if passed_on else ["-n", "2", "--dist", "loadfile"]
    session.run("pytest", *parallel, "--durations=15", *chosen, *passed_on, env=ONE_THREAD)


@nox.session
def demo(session: nox.Session) -> None:
    """The whole flow on the synthetic cohort, ending with one page; `nox -s demo -- OUT` chooses the folder."""
    install(session)
    # Training may use every core here; registrations hold themselves to one thread each.
    session.run("python", "examples/demo.py", *(session.posargs or ["demo"]), env={"HF_HUB_OFFLINE": "1"})


@nox.session
def accept(session: nox.Session) -> None:
    """The long proofs: `nox -s accept -- PACKAGE [SCRIPT [ARGUMENTS]]`; their JSON under benchmarks/ is committed.

    `nox -s accept -- zoo --work FOLDER` keeps what they make in FOLDER/SCRIPT, and goes on from there when killed.
    """
    install(session, *TOOLS)
    _run_scripts(session, "accept")


@nox.session
def bench(session: nox.Session) -> None:
    """The speed comparisons: `nox -s bench -- PACKAGE [SCRIPT [ARGUMENTS]]`; each a ratio within one run."""
    install(session, *TOOLS)
    _run_scripts(session, "bench")


def _run_scripts(session: nox.Session, kind: str) -> None:
    """Run the named script, or without a name those of `kind` that need no arguments."""
    package, *named = session.posargs or [""]
    work = Path(named.pop(1)) if len(named) == 2 and named[0] == "--work" else None
    named = [] if work else named
    folder = Path("benchmarks", package)
    there = sorted(path.stem for path in folder.glob("*.py"))
    if not package or not there:
        session.error(f"name one of these: {', '.join(sorted(path.name for path in Path('benchmarks').iterdir()))}")
    if named and named[0] not in there:
        session.error(f"{folder} has no {named[0]}; there are: {', '.join(there)}")
    runs = [[f"{folder}/{named[0]}.py", *named[1:]]] if named else [
        [str(path), *(["--work", str(work / path.stem)] if work else [])] for path in folder.glob(f"{kind}_*.py")
    ]  # fmt: skip
    if not runs:
        session.error(f"the scripts of {folder} want arguments; name one: {', '.join(there)}")
    for run in sorted(runs):
        session.run("python", *run, env=ONE_THREAD)


@nox.session
def monai_generative(session: nox.Session) -> None:
    """Compare our loaders with monai-generative 0.2.3 itself, in an environment of its own: it is archived."""
    ours = ("-e", "packages/braincaption[images,tokens]", "-e", "packages/brainldm")
    session.install("-c", "constraints.txt", *ours, "monai-generative==0.2.3", "hypothesis", "pytest")
    session.run("pytest", "tests/brainldm/test_foreign.py", env=ONE_THREAD)


@nox.session
def docs(session: nox.Session) -> None:
    """Run every doctest of the packages and check that the commands named in the documentation exist."""
    install(session, "pytest")
    session.run("pytest", "--doctest-modules", *(f"packages/{name}/src" for name in PACKAGES), env=ONE_THREAD)
    session.run("pytest", "tests/flow/test_documentation.py", env=ONE_THREAD)
