"""What a whole OUT was made with, in its ``register.json``: read back by vote, expand, report and a second run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from brainatlas.record import read_json, write_json
from braincaption.errors import UsageError

SCHEMES = ("template", "pairwise")


@dataclass(frozen=True, kw_only=True)
class OutSettings:
    """How the scans of one OUT were registered.

    Attributes
    ----------
    scheme : str
        ``template``: every scan to the template, pairs by composition; ``pairwise``: every pair.
    transform : str
        ``affine``, ``syn`` or ``syn-<n>mm``.
    template : str
        Name of the template.
    template_sha256 : str
    numbering : str or None
        Table of the atlas labels' ids (``freesurfer``, ``muse`` …); None where nothing tells.
    cohorts : tuple of str
        In the order in which they came, the atlas first: the catalog's forward direction follows it.
    citations : dict of str to str
        What to cite for a cohort, where its source says so.
    """

    scheme: str = "template"
    transform: str = "affine"
    template: str = ""
    template_sha256: str = ""
    numbering: str | None = None
    cohorts: tuple[str, ...] = ()
    citations: dict[str, str] = field(default_factory=dict, hash=False)


def settings_path(out: Path) -> Path:
    """Return where the settings stand."""
    return out / "register.json"


def read_settings(out: Path) -> OutSettings:
    """Read the settings of `out`.

    Raises
    ------
    UsageError
        Nothing has been registered there.
    """
    path = settings_path(out)
    if not path.exists():
        raise UsageError(f"{out} holds nothing registered: run brain atlas register ATLAS COHORT --out {out} first")
    stored = read_json(path)
    known = {name: stored[name] for name in OutSettings.__dataclass_fields__ if name in stored}
    known["cohorts"] = tuple(known.get("cohorts", ()))
    return OutSettings(**known)


def write_settings(out: Path, settings: OutSettings) -> None:
    """Write the settings of `out`."""
    write_json(settings_path(out), {**asdict(settings), "cohorts": list(settings.cohorts)})


def merged(out: Path, new: OutSettings) -> OutSettings:
    """Return the settings of `out` with another run's cohorts added.

    Raises
    ------
    UsageError
        The new run does not fit what stands in `out`: another scheme, transform, template or numbering.
    """
    if not settings_path(out).exists():
        return new
    old = read_settings(out)
    for name, what in (("scheme", "--scheme"), ("transform", "--transform"), ("template_sha256", "the template")):
        if getattr(old, name) != getattr(new, name):
            raise UsageError(
                f"{out} was registered with {what} {getattr(old, name)}, now {getattr(new, name)} came: use the same, "
                "or another --out"
            )
    refuse_mixed(old.numbering, new.numbering, str(out))
    added = tuple(cohort for cohort in new.cohorts if cohort not in old.cohorts)
    return OutSettings(
        **{
            **asdict(old),
            "numbering": old.numbering or new.numbering,
            "cohorts": old.cohorts + added,
            "citations": {**old.citations, **new.citations},
        }
    )


def refuse_mixed(first: str | None, second: str | None, where: str) -> None:
    """Refuse two atlases whose equal numbers mean different structures."""
    if first and second and first != second:
        raise UsageError(
            f"{where} holds atlas labels of {first} numbers, now labels of {second} numbers came, and the same number "
            "means another structure: use another --out, or renumber one of them"
        )
