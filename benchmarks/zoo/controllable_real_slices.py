"""Real scans in, a slice folder out: 64 × 64 pixels of 1.5 mm, two MS patients and ten T1w people to learn from.

Held out are the third patient and two T1w people. The contrasts of a patient lie on one grid: those of `ms-mni` do, and
those of `ms-raw` are brought to the FLAIR by the transforms that its publishers made. There are no labels of T2w and
FLAIR, so captions say plane, contrast and how far the slice lies below the top of the brain: scanners' origins differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from brain_command import brain

from braincaption.nifti import load_image
from braincaption.orientation import slice_axes
from braincaption.render.sample import draw
from braincaption.render.settings import ViewSettings
from braincaption.render.view import pixel_grid
from braincaption.render.window import brain_centre, intensity_window
from braincaption.slicefolder import write_slices

VIEW = ViewSettings(size=64, fov_mm=96)
APART_MM = 3.0  # of the slices taken; patients have slices of about this thickness
LOW_MM, HIGH_MM = -95.0, -15.0  # from the top of the brain: above and below there is little on a slice
CONTRASTS = {"T1w": "T1-weighted", "T2w": "T2-weighted", "FLAIR": "FLAIR"}
RAW = {"sub-ms03": "ses-2", "sub-ms12": "ses-1"}
HELD_OUT = ("sub-ms07", "sub-trt11", "sub-trt12")


@dataclass(frozen=True, kw_only=True)
class Person:
    """Scans of one person on one grid, outside the brain zero."""

    name: str
    scans: dict[str, npt.NDArray[np.float32]]
    affine: npt.NDArray[np.float64]


def real_slices(data: Path, work: Path) -> Path:
    """Return the slice folder, made where it is missing."""
    out = work / "slices"
    if not (out / "metadata.parquet").is_file():
        write_slices(out, (row for person in _people(data, work) for row in _slices(person)))
    return out


def _people(data: Path, work: Path) -> Iterator[Person]:
    raw = data / "ms-raw"
    brain("atlas", "strip", raw, "--out", work / "stripped", "--sequence", "T1w")
    for name, session in RAW.items():
        yield _aligned(raw, work / "stripped" / "ms-raw", name, session)
    mni = {contrast: load_image(data / f"ms-mni/sub-ms07/anat/sub-ms07_{contrast}.nii.gz") for contrast in CONTRASTS}
    yield Person(
        name="sub-ms07",
        scans={contrast: one.data.clip(min=0) for contrast, one in mni.items()},
        affine=mni["T1w"].affine,
    )
    for folder in sorted((data / "oasis-trt").glob("sub-*")):
        scan = load_image(next(folder.glob("anat/*_T1w.nii.gz")))
        yield Person(name=folder.name, scans={"T1w": scan.data}, affine=scan.affine)


def _aligned(raw: Path, stripped: Path, name: str, session: str) -> Person:
    """Return a patient's contrasts and brain on the grid of the FLAIR."""
    stem = f"{name}_{session}"
    mask = next(stripped.glob(f"{name}/{session}/anat/*T1w*mask.nii.gz"))
    flair_path = raw / name / session / "anat" / f"{stem}_FLAIR.nii.gz"
    flair = sitk.ReadImage(str(flair_path), sitk.sitkFloat32)

    def brought(path: Path, contrast: str, how: int) -> npt.NDArray[np.float32]:
        moving = sitk.ReadImage(str(path), sitk.sitkFloat32)
        at = raw / "derivatives/coreg" / name / session / f"{stem}_from-{contrast}_to-FLAIR_xfm.txt"
        found = sitk.Resample(moving, flair, sitk.ReadTransform(str(at)), how, 0.0)
        return sitk.GetArrayFromImage(found).T

    inside = brought(mask, "T1w", sitk.sitkNearestNeighbor) > 0
    anat = raw / name / session / "anat"
    scans = {one: brought(anat / f"{stem}_{one}.nii.gz", one, sitk.sitkLinear) for one in ("T1w", "T2w")}
    scans["FLAIR"] = sitk.GetArrayFromImage(flair).T
    affine = np.asarray(nib.load(flair_path).affine, dtype=np.float64)
    return Person(name=name, scans={one: scan * inside for one, scan in scans.items()}, affine=affine)


def _slices(person: Person) -> Iterator[tuple[dict[str, Any], npt.NDArray[np.uint8]]]:
    first = next(iter(person.scans.values()))
    centre, stack = brain_centre(first), slice_axes(person.affine)["axial"]
    step = float(np.linalg.norm(person.affine[:3, stack.axis]))
    others = tuple(axis for axis in range(3) if axis != stack.axis)
    filled = np.flatnonzero((first > 0).any(axis=others))
    top = filled[-1] if stack.sign > 0 else filled[0]
    for index in range(0, first.shape[stack.axis], max(1, round(APART_MM / step))):
        below = -abs(float(index - top)) * step
        if index in filled and LOW_MM <= below <= HIGH_MM:
            for contrast, data in person.scans.items():
                yield _facts(person, contrast, index, below), _picture(person, data, index, centre)


def _facts(person: Person, contrast: str, index: int, below: float) -> dict[str, Any]:
    said = f"Axial {CONTRASTS[contrast]} slice, {-below:.1f} mm below the top of the brain."
    return {
        "volume_id": f"{person.name}_{contrast}",
        "plane": "axial",
        "index": index,
        "caption": said,
        "sequence": contrast,
        "position_mm": below,
        "person": person.name,
        "split": "test" if person.name in HELD_OUT else "train",
        "pixel_mm": VIEW.pixel_mm,
        "displayed_side": VIEW.side("axial"),
    }


def _picture(
    person: Person, data: npt.NDArray[np.float32], index: int, centre: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    pixels = pixel_grid(person.affine, "axial", index, centre, VIEW).mapped(np.linalg.inv(person.affine))
    return draw(data, pixels, pixels, data.shape, intensity_window(data), VIEW.size)
