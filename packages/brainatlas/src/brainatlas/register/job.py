"""A job of the register stage in, the scan's affines and warps in OUT out: to the template, or to other scans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np

from brainatlas.geometry import read_itk, write_itk, zooms
from brainatlas.layout import Place
from brainatlas.register.affine import DEFAULTS, AffineSettings, Brain, align, prepare
from brainatlas.register.syn import SynSettings, across_contrasts, deform
from brainatlas.register.template import load_template
from brainatlas.register.warp import write_warp
from braincaption.nifti import load_image, load_labels

TEMPLATE = "template"
_COARSEST_MM = 3.0
_TEMPLATE_SUFFIX = "T1w"


@dataclass(frozen=True, kw_only=True)
class RegisterJob:
    """Register one stripped scan.

    Attributes
    ----------
    place : Place
        The scan (moving).
    template : Path or None
        The template's file; None takes the ICBM152.
    targets : tuple of Place
        Pairwise: the scans it is registered to (fixed); empty: the template.
    settings : AffineSettings
    syn : SynSettings or None
        How a warp is found on top of the affine; None where none is wanted.
    """

    place: Place
    template: Path | None = None
    targets: tuple[Place, ...] = ()
    settings: AffineSettings = DEFAULTS
    syn: SynSettings | None = None

    @property
    def identifier(self) -> str:
        """Scan id."""
        return self.place.scan_id

    @property
    def done(self) -> bool:
        """Whether every transform stands in OUT."""
        names = [target.scan_id for target in self.targets] or [TEMPLATE]
        return all(_stands(self.place, name, self.syn) for name in names)


def do_register(job: RegisterJob) -> None:
    """Find and write the transforms of `job` that are missing."""
    register_scan(job.place, template=job.template, targets=job.targets, settings=job.settings, syn=job.syn)


def register_scan(
    place: Place,
    *,
    template: Path | None = None,
    targets: tuple[Place, ...] = (),
    settings: AffineSettings = DEFAULTS,
    syn: SynSettings | None = None,
) -> None:
    """Register the stripped scan at `place` to the template, or to `targets`; existing transforms are kept.

    The file holds the point map target → scan, which is ITK's transform for resampling the scan on the target. A warp
    comes as two files, one for each direction.

    Raises
    ------
    ScanError
        The stripped scan cannot be read, or registration failed.
    """
    names = [target.scan_id for target in targets] or [TEMPLATE]
    missing = [name for name in names if not _stands(place, name, syn)]
    fixed_places = {target.scan_id: target for target in targets}

    @cache
    def moving(chosen: AffineSettings) -> Brain:
        return read_brain(place, chosen)

    def brains(name: str, resolution_mm: float) -> tuple[Brain, Brain]:
        chosen = suited(place, replace(settings, resolution_mm=resolution_mm))
        fixed = read_brain(fixed_places[name], chosen) if targets else _template_brain(template, chosen)
        return fixed, moving(chosen)

    for name in missing:
        if not place.transform(name).exists():
            write_itk(place.transform(name), align(*brains(name, settings.resolution_mm), settings))
        if syn is not None and not _stands(place, name, syn):
            matrix = read_itk(place.transform(name))
            alike = place.suffix == (fixed_places[name].suffix if targets else _TEMPLATE_SUFFIX)
            chosen = syn if alike else across_contrasts(syn)
            forward, inverse = deform(*brains(name, syn.resolution_mm), matrix, chosen)
            back = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
            write_warp(place.warp(name, "inverse"), inverse, back, affine_first=True)
            write_warp(place.warp(name), forward, matrix, affine_first=False)


def _stands(place: Place, name: str, syn: SynSettings | None) -> bool:
    """Tell whether OUT holds the affine to `name`, and the warps where they are wanted."""
    files = [place.transform(name)]
    files += [] if syn is None else [place.warp(name), place.warp(name, "inverse")]
    return all(file.exists() for file in files)


def suited(place: Place, settings: AffineSettings) -> AffineSettings:
    """Return `settings` with a working resolution no finer than the scan's voxels, which would add nothing.

    Scans coarser than 3 mm are still brought to 3 mm: below that the search sees too few voxels to end well.
    """
    spacing = float(np.prod(zooms(np.asarray(nib.load(place.brain).affine, dtype=np.float64))) ** (1 / 3))
    own = min(round(spacing, 1), _COARSEST_MM)
    return replace(settings, resolution_mm=max(settings.resolution_mm, own))


def read_brain(place: Place, settings: AffineSettings) -> Brain:
    """Read a stripped scan of OUT and prepare it for registration."""
    image, mask = load_image(place.brain), load_labels(place.mask)
    return prepare(image.data, image.affine, mask.data.astype(bool), settings)


@lru_cache(maxsize=2)
def _template_brain(path: Path | None, settings: AffineSettings) -> Brain:
    template = load_template(path)
    return prepare(template.data, template.affine, template.mask, settings)
