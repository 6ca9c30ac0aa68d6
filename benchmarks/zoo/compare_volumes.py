"""TUMSyn against one-hot text and against copying in, one report of volumes made from T1w scans of held-out people out.

    python benchmarks/zoo/compare_volumes.py --work FOLDER [--out compare_volumes.json]

FOLDER is the `--work` of `accept_tumsyn.py`, whose cohort and models are taken; what is missing there is made. Each way
of making T2w and FLAIR volumes fills a BIDS folder of the same names as the acquired one, so that tabulate and render
give slices of equal keys, and `brain eval report` compares them in pairs, with intervals over people and floors.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from accept_tumsyn import SEED, trained
from brain_command import brain
from compare import SYSTEMS, scored
from tumsyn_cohort import FULL, phantom_cohort
from tumsyn_people import KeptMaker, Person, Voxels, held_out

from braincaption.atomic import atomic_folder
from braineval.report import Section, Table, build
from brainldm.tumsyn.scores import linear_copy

SOURCE = "T1w"
TARGETS = {"T2w": "echo2_T2w", "FLAIR": "FLAIR"}  # suffix in the folders → scan of the cohort
ACQUIRED = "acquired"
WAYS = ("tumsyn", "one-hot", "copy")
TEXTS = {"tumsyn": "built-in", "one-hot": "one-hot"}
METRICS = ("psnr", "ssim", "ssim-brain", "ms-ssim", "ms-ssim-brain", "ncc", "nmi", "frechet", "kernel")
SLICES, SIDE, FIELD_MM = 480, 176, 220.0
CAN = Table(
    header=("system", "is given here", "cannot"),
    rows=(
        ("tumsyn", "the T1w volume and a sentence of the acquisition asked for", "draw without a scan"),
        ("one-hot", "the T1w volume and which contrast is asked for", "hear echo time, field or voxel size"),
        (
            "copy",
            "the T1w volume, its grey values fitted by a line to the very scan it is scored on",
            "be anything else",
        ),
        *((name, "nothing: not in this report", "take a volume: it draws single slices from text") for name in SYSTEMS),
    ),
)


def main() -> None:
    """Make volumes, cut the same slices of each, report, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("compare_volumes.json"))
    given = parser.parse_args()
    cohort = phantom_cohort(given.work / "cohort", FULL)
    for text in TEXTS.values():
        trained(given.work, cohort, text, given.config)
    slices = {way: sliced(given.work, cohort, way) for way in (ACQUIRED, *WAYS)}
    page = build(
        slices[ACQUIRED],
        {way: slices[way] for way in WAYS},
        given.work / "volume-report",
        chosen=METRICS,
        title="Volume to volume: T2w and FLAIR from T1w",
        before=[section()],
    )
    scores = json.loads((given.work / "volume-report" / "report.json").read_text(encoding="utf-8"))
    record = {
        "command": "python benchmarks/zoo/compare_volumes.py --work FOLDER",
        "machine": f"{os.cpu_count()} cores, CPU only",
        "date": datetime.date.today().isoformat(),
        "seed": SEED,
        "people": FULL.test,
        "scores": {name: scored(found) for name, found in scores.items()},
        "cannot": {row[0]: row[2] for row in CAN.rows},
    }
    given.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(page)


def sliced(work: Path, cohort: Path, way: str) -> Path:
    """Return the slice folder of one way of making volumes."""
    volumes, tables, slices = (work / "volumes" / way / part for part in ("phantoms", "tables", "slices"))
    if not volumes.is_dir():
        maker = KeptMaker(work / TEXTS[way], work / "made") if way in TEXTS else None
        with atomic_folder(volumes) as aside:
            people = [write_person(aside, person, way, maker) for person in held_out(cohort)]
            pd.DataFrame(people).to_csv(aside / "participants.tsv", sep="\t", index=False)
            about = {"Name": "phantoms", "BIDSVersion": "1.10.0", "License": "CC0-1.0", "SkullStripped": True}
            (aside / "dataset_description.json").write_text(json.dumps(about), encoding="utf-8")
    brain("caption", "tabulate", volumes, "--out", tables)
    brain("caption", "write", tables, "--seed", SEED)
    brain("caption", "render", tables, "--out", slices, "--count", SLICES, "--size", SIDE, "--fov", FIELD_MM,
          "--least", 0.3, "--seed", SEED)  # fmt: skip
    return slices


def write_person(folder: Path, person: Person, way: str, maker: KeptMaker | None) -> dict[str, Any]:
    """Write one person's T2w and FLAIR, as made in one way, beside their true labels; return their row."""
    name = f"sub-{person.index:03d}"
    affine = person.head.grid.affine
    for suffix, scan in TARGETS.items():
        _save(folder / name / "anat" / f"{name}_{suffix}.nii.gz", voxels_of(person, scan, way, maker), affine)
    labels = folder / "derivatives" / "labels" / name / "anat" / f"{name}_dseg.nii.gz"
    _save(labels, person.head.labels.astype(np.uint8), affine)
    return {"participant_id": name, "age": person.head.age, "sex": person.head.sex}


def voxels_of(person: Person, scan: str, way: str, maker: KeptMaker | None) -> Voxels:
    """Return what one way makes of a person's T1w, from 0 to 1, nothing outside the brain."""
    wanted, source = person.scans[scan], person.scans[SOURCE]
    if way == ACQUIRED:
        made = wanted.voxels
    elif maker is not None:
        made = maker.make(source.volume, wanted.facts)
    else:
        made = np.asarray(linear_copy(source.voxels, wanted.voxels, person.mask), dtype=np.float32)
    return np.asarray(np.clip(made, 0, 1) * person.mask, dtype=np.float32)


def section() -> Section:
    """Return what each way is given, and what it cannot do."""
    return Section(
        title="What each is given, and what it cannot do",
        lead=(
            "T2w and FLAIR volumes of people not trained on are made from their T1w, and slices of equal places are "
            "compared with the acquired ones. Slices are windowed by the percentiles of each volume, as published "
            "slices are."
        ),
        tables=(CAN,),
    )


def _save(path: Path, data: np.ndarray, affine: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)


if __name__ == "__main__":
    main()
