"""A job of the register stage in, the scan's transforms in OUT out: to the template, or to other scans (pairwise)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np

from brainatlas.geometry import write_itk, zooms
from brainatlas.layout import Place
from brainatlas.register.affine import DEFAULTS, AffineSettings, Brain, align, prepare
from brainatlas.register.template import load_template
from braincaption.nifti import load_image, load_labels

TEMPLATE = "template"


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
    deformable : bool
        Whether a SyN warp is wanted on top of the affine.
    """

    place: Place
    template: Path | None = None
    targets: tuple[Place, ...] = ()
    settings: AffineSettings = DEFAULTS
    deformable: bool = False

    @property
    def identifier(self) -> str:
        """Scan id."""
        return self.place.scan_id

    @property
    def done(self) -> bool:
        """Whether every transform stands in OUT."""
        names = [target.scan_id for target in self.targets] or [TEMPLATE]
        affines = all(self.place.transform(name).exists() for name in names)
        return affines and (not self.deformable or all(self.place.warp(name).exists() for name in names))


def do_register(job: RegisterJob) -> None:
    """Find and write the affines of `job` that are missing."""
    register_scan(job.place, template=job.template, targets=job.targets, settings=job.settings)


def register_scan(
    place: Place,
    *,
    template: Path | None = None,
    targets: tuple[Place, ...] = (),
    settings: AffineSettings = DEFAULTS,
) -> None:
    """Register the stripped scan at `place` to the template, or to `targets`; existing transforms are kept.

    The file holds the point map target → scan, which is ITK's transform for resampling the scan on the target.

    Raises
    ------
    ScanError
        The stripped scan cannot be read, or registration failed.
    """
    names = [target.scan_id for target in targets] or [TEMPLATE]
    missing = [name for name in names if not place.transform(name).exists()]
    if not missing:
        return
    settings = suited(place, settings)
    moving = read_brain(place, settings)
    fixed_places = {target.scan_id: target for target in targets}
    for name in missing:
        fixed = read_brain(fixed_places[name], settings) if targets else _template_brain(template, settings)
        write_itk(place.transform(name), align(fixed, moving, settings))


def suited(place: Place, settings: AffineSettings) -> AffineSettings:
    """Return `settings` with a working resolution no finer than the scan's voxels: that would add nothing."""
    spacing = float(np.prod(zooms(np.asarray(nib.load(place.brain).affine, dtype=np.float64))) ** (1 / 3))
    return replace(settings, resolution_mm=max(settings.resolution_mm, round(spacing, 1)))


def read_brain(place: Place, settings: AffineSettings) -> Brain:
    """Read a stripped scan of OUT and prepare it for registration."""
    image, mask = load_image(place.brain), load_labels(place.mask)
    return prepare(image.data, image.affine, mask.data.astype(bool), settings)


@lru_cache(maxsize=2)
def _template_brain(path: Path | None, settings: AffineSettings) -> Brain:
    template = load_template(path)
    return prepare(template.data, template.affine, template.mask, settings)
