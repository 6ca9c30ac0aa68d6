"""Settings of an OUT in, the methods paragraph, its references, the versions and the commands out, ready to paste."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from brainatlas.record import OWN
from brainatlas.report.references import REFERENCES
from brainatlas.settings import OutSettings

PACKAGES = (
    "brainatlas",
    "braincaption",
    "antspyx",
    "deepbet",
    "nipype",
    "nilearn",
    "nibabel",
    "numpy",
    "numba",
    "scipy",
)
_STRIPPING = {
    "deepbet": "skull-stripped with deepbet {deepbet} [deepbet]",
    "template": "skull-stripped by carrying the atlas heads' brain masks over by registration (affine, then SyN [syn])",
    "mask": "stripped with brain masks that came with the data",
    "command": "skull-stripped with an external program",
    "none": "skull-stripped by their source and taken as they came",
}
_FUSION = {
    "majority": "majority voting over the nearest-neighbour labels of the registered atlases [majority]",
    "soft": "majority voting over linearly interpolated one-hot labels of the registered atlases [majority]",
    "weighted": "locally weighted voting, the atlases' labels weighted by local correlation with the scan [weighted]",
    "jlf": "joint label fusion with patch search [jlf], each voxel's weights voting for the patch around it [patches]",
    "staple": "STAPLE [staple] as implemented in SimpleITK",
}


@dataclass(frozen=True, kw_only=True)
class Wording:
    """Methods text with numbered references, and what it takes to do the same again."""

    paragraphs: tuple[str, ...]
    references: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]


def word_methods(
    settings: OutSettings, *, scans: int, atlas: int, strippers: Iterable[str], fusers: Iterable[str], scored: bool
) -> Wording:
    """Say what was done to `scans` scans, `atlas` of which are labelled by hand, in the past tense of a paper."""
    versions = _versions()
    known = dict(versions)
    stripping = [_STRIPPING.get(name, f"skull-stripped by {name}").format_map(known) for name in sorted(set(strippers))]
    fusing = [_FUSION.get(name, name) for name in sorted(set(fusers) - set(OWN))]
    through = (
        f"to the {_template_name(settings)} and composed, so that every pair of scans is aligned at the cost of one "
        "registration a scan"
        if settings.scheme == "template"
        else "with each other, every pair once; the inverse serves the other direction"
    )
    kind = "affinely" if settings.transform == "affine" else "affinely and then deformably (SyN [syn])"
    sentences = [
        f"{scans} scans ({atlas} with manual labels) were processed with brainatlas {known['brainatlas']}, which runs "
        "ANTs inside nipype [nipype] workflows.",
        f"Brains were {'; '.join(stripping)}." if stripping else "",
        f"Brains were registered {kind} with ANTs [ants] (antspyx {known['antspyx']}, Mattes mutual information "
        f"[mattes], one thread, fixed seed) {through}.",
        f"Labels were fused by {'; and by '.join(fusing)}." if fusing else "",
        "Agreement with manual labels is given as the Dice coefficient [dice]." if scored else "",
    ]
    text, cited = _numbered(" ".join(sentence for sentence in sentences if sentence))
    return Wording(
        paragraphs=(text,),
        references=tuple(REFERENCES[key] for key in cited),
        versions=versions,
        commands=_commands(settings, sorted(set(fusers) - set(OWN))),
    )


def _template_name(settings: OutSettings) -> str:
    return "ICBM152 2009a template [icbm]" if settings.template == "ICBM152" else f"template {settings.template}"


def _numbered(text: str) -> tuple[str, list[str]]:
    order = sorted((text.index(f"[{key}]"), key) for key in REFERENCES if f"[{key}]" in text)
    cited = [key for _, key in order]
    for number, key in enumerate(cited, start=1):
        text = text.replace(f"[{key}]", f"[{number}]")
    return text, cited


def _versions() -> tuple[tuple[str, str], ...]:
    found = [("Python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            found.append((package, "not installed"))
    return tuple(found)


def _commands(settings: OutSettings, fusers: list[str]) -> tuple[str, ...]:
    atlas, *others = settings.cohorts or ("ATLAS",)
    register = ["brain atlas register", atlas, *(others or [atlas]), "--out OUT"]
    if settings.scheme != "template":
        register.append(f"--scheme {settings.scheme}")
    if settings.transform != "affine":
        register.append(f"--transform {settings.transform}")
    if settings.template not in ("", "ICBM152"):
        register.append(f"--template {settings.template}")
    votes = [f"brain atlas vote OUT --method {name}" for name in fusers]
    return (" ".join(register), *votes, "brain atlas report OUT")
