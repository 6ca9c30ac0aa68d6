"""Folder of real scans in, what SD-MRI makes of so few people out: contrasts drawn, and how little that can show.

Fourteen people lend slices: 7 of `oasis-trt` (T1w; 1.5 T, as OASIS-1 was scanned), 4 of `ixi` (T1w; 3 T where the
source id says HH), and three patients in T1w, T2w and FLAIR whose field strength no file states. One of each cohort
with several people is kept for the test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from brain_command import brain
from field_slices import VIEW
from sd_mri_steps import write_tiny

from brainatlas.hdf5.picture import white
from braincaption.nifti import load_image
from braincaption.orientation import slice_axes
from braincaption.render.sample import draw
from braincaption.render.view import pixel_grid
from braincaption.render.window import brain_centre
from braincaption.slicefolder import encode_png, read_slices, write_slices
from braineval.metrics import contrast_accuracy
from braineval.settings import Settings
from braineval.slices import open_slices
from brainldm.sdmri.prompt import prompt_of

STEPS = 120
HELD_OUT = {"ms-raw/ms12": "test", "oasis-trt/trt07": "test", "ixi/ixi015": "test"}
OASIS_PEOPLE = 7
SLICES = 12  # of a scan, from its middle half
_FIELDS = {"OAS1": 1.5, "HH": 3.0, "Guys": 1.5, "IOP": 1.5}


def measured_on_real_scans(data: Path, work: Path) -> dict[str, Any]:
    """Fine-tune the phantom's model on real slices, draw what the people held out show, and judge the contrast."""
    if not data.is_dir():
        return {"not measured": "no real scans were there"}
    if not (work / "real" / "metadata.parquet").is_file():
        write_slices(work / "real", real_slices(data))
    table = read_slices(work / "real").table
    brain("ldm", "train", "sd-mri", work / "real", "--base", work / "model", "--out", work / "model-real",
          "--config", write_tiny(work / "real.toml", STEPS))  # fmt: skip
    table[table["split"] == "test"].drop(columns="file_name").to_parquet(work / "asked-real.parquet", index=False)
    brain("ldm", "generate", work / "asked-real.parquet", "--model", work / "model-real", "--out", work / "drawn-real")
    score = contrast_accuracy.score(open_slices(work / "real"), open_slices(work / "drawn-real"), Settings(draws=200))
    save_sheet(work)
    asked, named = (np.array(score.details[key]) for key in ("asked", "named"))
    stated = {f"{field:g} T": int(n) for field, n in table.groupby("field_strength_t")["person"].nunique().items()}
    return {
        "people": int(table["person"].nunique()),
        "people with a stated field strength": stated,
        "people with T2w or FLAIR": int(table.loc[table["sequence"] != "T1w", "person"].nunique()),
        "slices": {split: int(n) for split, n in table["split"].value_counts().items()},
        "steps from the phantom's model": STEPS,
        "contrast accuracy": round(score.value, 4),
        "by contrast": {name: round(float((named == asked)[asked == name].mean()), 4) for name in np.unique(asked)},
        "judge on slices of people it has not seen": score.floor.people,
        "field strength accuracy": "not measured: each field strength is one cohort here, a judge would tell cohorts",
    }


def real_slices(data: Path) -> Iterator[tuple[dict[str, Any], npt.NDArray[np.uint8]]]:
    """Yield axial slices of every scan with what is known of it."""
    for cohort in ("oasis-trt", "ixi", "ms-mni", "ms-raw"):
        people = pd.read_csv(data / cohort / "participants.tsv", sep="\t").set_index("participant_id")
        for path in sorted((data / cohort).glob("sub-*/**/anat/*.nii.gz")):
            subject, contrast = path.name.split("_")[0], path.name.split("_")[-1].removesuffix(".nii.gz")
            if cohort == "oasis-trt" and int(subject[-2:]) > OASIS_PEOPLE:
                continue
            person = f"{cohort}/{subject.removeprefix('sub-')}"
            yield from _of_scan(path, person, contrast, _field(str(people.at[subject, "source_id"])))


def _field(source_id: str) -> float | None:
    """Return the field strength that a source id stands for, as the recipes of IXI and OASIS-1 say; None where none."""
    return next((field for word, field in _FIELDS.items() if word in re.split(r"[-_]", source_id)), None)


def _of_scan(
    path: Path, person: str, contrast: str, field_t: float | None
) -> Iterator[tuple[dict[str, Any], npt.NDArray[np.uint8]]]:
    volume = load_image(path)
    data = np.clip(np.asarray(volume.data, dtype=np.float32), 0, None)
    stack = slice_axes(volume.affine)["axial"]
    centre, length = brain_centre(data), data.shape[stack.axis]
    for index in np.linspace(0.35 * length, 0.7 * length, SLICES).astype(int).tolist():
        pixels = pixel_grid(volume.affine, "axial", index, centre, VIEW).mapped(np.linalg.inv(volume.affine))
        name = f"{person.replace('/', '_')}_{contrast}"
        facts = {"volume_id": f"{name}@{name}", "plane": "axial", "index": index, "sequence": contrast,
                 "field_strength_t": field_t, "person": person, "split": HELD_OUT.get(person, "train"),
                 "pixel_mm": VIEW.pixel_mm}  # fmt: skip
        yield (
            {**facts, "caption": prompt_of(facts)},
            draw(data, pixels, pixels, data.shape, (0.0, white(data)), VIEW.size),
        )


def save_sheet(work: Path) -> None:
    """Write a sheet to look at, outside the repository: drawn slices, six of each contrast a line."""
    drawn = read_slices(work / "drawn-real")
    lines = []
    for name in sorted(drawn.table["sequence"].unique()):
        rows = np.flatnonzero(drawn.table["sequence"] == name)[::2][:6]
        lines.append(np.concatenate([drawn.image(int(row)) for row in rows], axis=1))
    (work / "sheet-real.png").write_bytes(encode_png(np.concatenate(lines)))
