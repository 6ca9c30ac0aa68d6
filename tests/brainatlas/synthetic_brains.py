"""A folder and a few numbers in, a small labelled BIDS cohort of smooth made-up brains out: known sides and answers."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np

LEFT, RIGHT, CORE, SHELL = 17, 53, 16, 3
SHAPE = (44, 52, 44)
ZOOM = 4.0


def affine(axcodes: str = "RAS", zoom: float = ZOOM, turn_deg: float = 0.0, shift: float = 0.0) -> np.ndarray:
    """Return a voxel → RAS affine with the given axes, turned about the left-right axis, centred near the origin."""
    flips = nib.orientations.axcodes2ornt(tuple(axcodes))
    world = np.zeros((3, 3))
    for axis, (target, sign) in enumerate(flips):
        world[int(target), axis] = sign
    angle = np.deg2rad(turn_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ world * zoom
    shape = np.array([SHAPE[int(target)] for target, _ in flips])
    matrix[:3, 3] = -matrix[:3, :3] @ ((shape - 1) / 2) + shift
    return matrix


def grid_shape(axcodes: str) -> tuple[int, ...]:
    """Return the array shape that holds the same box in other axes."""
    return tuple(SHAPE[int(target)] for target, _ in nib.orientations.axcodes2ornt(tuple(axcodes)))


def brain(
    matrix: np.ndarray, shape: tuple[int, ...], *, scale: float = 1.0, contrast: str = "T1w"
) -> tuple[np.ndarray, np.ndarray]:
    """Return image (uint8) and labels (uint8): an egg-shaped brain whose left and right nuclei differ."""
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(grid @ matrix[:3, :3].T + matrix[:3, 3], -1, 0) / scale
    radius = np.sqrt((x / 62) ** 2 + (y / 78 + 0.1 * z / 60) ** 2 + (z / 58) ** 2)
    labels = np.zeros(shape, np.uint8)
    labels[radius < 1] = SHELL
    labels[radius < 0.75] = 0
    labels[np.sqrt((x / 16) ** 2 + ((y + 15) / 24) ** 2 + ((z + 10) / 22) ** 2) < 1] = CORE
    labels[np.sqrt(((x + 28) / 10) ** 2 + ((y - 5) / 26) ** 2 + ((z - 4) / 12) ** 2) < 1] = LEFT
    labels[np.sqrt(((x - 28) / 12) ** 2 + ((y - 12) / 14) ** 2 + ((z - 8) / 15) ** 2) < 1] = RIGHT
    grey = {0: 170, SHELL: 110, CORE: 140, LEFT: 60, RIGHT: 85}
    image = np.zeros(shape)
    for label, value in grey.items():
        image[(labels == label) & (radius < 1)] = value
    image *= 1 + 0.1 * np.sin(x / 17) * np.cos(y / 23 + z / 31)
    if contrast != "T1w":
        image = np.where(radius < 1, 250 - image, 0)
    return np.where(radius < 1, np.clip(image, 1, 255), 0).astype(np.uint8), labels


def write_cohort(
    root: Path,
    subjects: list[str],
    *,
    labelled: bool = True,
    axcodes: str = "RAS",
    turn_deg: float = 0.0,
    shift: float = 0.0,
    contrasts: tuple[str, ...] = ("T1w",),
    with_people: bool = True,
) -> Path:
    """Write a stripped BIDS cohort whose people differ in size; labels as a derivative."""
    root.mkdir(parents=True)
    (root / "dataset_description.json").write_text(
        json.dumps({"Name": root.name, "BIDSVersion": "1.9.0", "License": "CC0-1.0", "SkullStripped": True})
    )
    if with_people:
        rows = "".join(f"sub-{subject}\t{20 + n}\t{'MF'[n % 2]}\n" for n, subject in enumerate(subjects))
        (root / "participants.tsv").write_text("participant_id\tage\tsex\n" + rows)
    matrix, shape = affine(axcodes, turn_deg=turn_deg, shift=shift), grid_shape(axcodes)
    centred = affine(axcodes, turn_deg=turn_deg)
    for number, subject in enumerate(subjects):
        for contrast in contrasts:
            image, labels = brain(centred, shape, scale=1 + 0.03 * number, contrast=contrast)
            _save(root / f"sub-{subject}/anat/sub-{subject}_{contrast}.nii.gz", image, matrix)
        if labelled:
            _save(root / f"derivatives/labels/sub-{subject}/anat/sub-{subject}_dseg.nii.gz", labels, matrix)
    return root


def _save(path: Path, data: np.ndarray, matrix: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, matrix), path)
