"""Three MS patients in, how TUMSyn trained on two does on the third out: too few to show more than that it runs.

    python benchmarks/zoo/tumsyn_real.py ../shared/data --work FOLDER [--config tiny] [--out tumsyn_real.json]

Their scans have no sidecars, so a prompt can say the contrast and the voxel size only; text is one-hot. The third
person comes from another preprocessing (MNI space, 1 mm) than the two learned from (native space, 3 mm slices).
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
import numpy.typing as npt
from brain_command import brain
from controllable_real_slices import CONTRASTS, RAW, Person, _aligned

from braincaption.nifti import Volume, load_image
from brainldm.tumsyn.facts import Facts
from brainldm.tumsyn.generate import VolumeMaker
from brainldm.tumsyn.grid import averaged
from brainldm.tumsyn.intensity import normalised
from brainldm.tumsyn.scores import linear_copy, psnr, ssim

HELD_OUT, COARSE_MM, SEED = "sub-ms07", 2.0, 0


def main() -> None:
    """Bring three patients to about 2 mm, train on two, score the third."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("tumsyn_real.json"))
    given = parser.parse_args()
    cohort = real_cohort(given.data, given.work)
    model = given.work / "model"
    brain(
        "ldm", "train", "tumsyn", cohort, "--out", model, "--config", given.config, "--text", "one-hot", "--seed", SEED
    )
    maker = VolumeMaker(model)
    record = {
        "command": f"python benchmarks/zoo/tumsyn_real.py DATA --work FOLDER --config {Path(given.config).name}",
        "machine": f"{os.cpu_count()} cores, CPU only",
        "date": datetime.date.today().isoformat(),
        "seed": SEED,
        "steps": maker.record.steps,
        "people": {"trained on": sorted(RAW), "scored": HELD_OUT},
        **{f"T1w to {target}": scored(maker, cohort, target) for target in ("T2w", "FLAIR")},
    }
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


def real_cohort(data: Path, work: Path) -> Path:
    """Return a BIDS folder of the three patients, each on one grid, made where it is missing."""
    folder = work / "cohort"
    if (folder / "participants.tsv").is_file():
        return folder
    raw = data / "ms-raw"
    brain("atlas", "strip", raw, "--out", work / "stripped", "--sequence", "T1w")
    people = [_aligned(raw, work / "stripped" / "ms-raw", name, session) for name, session in RAW.items()]
    mni = {name: load_image(data / f"ms-mni/{HELD_OUT}/anat/{HELD_OUT}_{name}.nii.gz") for name in CONTRASTS}
    scans = {name: one.data.astype(np.float32).clip(min=0) for name, one in mni.items()}
    people.append(Person(name=HELD_OUT, scans=scans, affine=mni["T1w"].affine))
    for person in people:
        anat = folder / person.name / "anat"
        anat.mkdir(parents=True, exist_ok=True)
        for name, voxels in person.scans.items():
            coarse, affine = _coarse(voxels, person.affine)
            nib.save(nib.Nifti1Image(coarse, affine), anat / f"{person.name}_{name}.nii.gz")
    rows = [f"{person.name}\t{'test' if person.name == HELD_OUT else 'train'}" for person in people]
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "MS patients", "License": "CC-BY"}))
    (folder / "participants.tsv").write_text("\n".join(["participant_id\tsplit", *rows]) + "\n")
    return folder


def scored(maker: VolumeMaker, cohort: Path, target: str) -> dict[str, Any]:
    """Return PSNR and SSIM in the brain of the made volume and of the best linear copy."""
    scans = {name: load_image(cohort / HELD_OUT / "anat" / f"{HELD_OUT}_{name}.nii.gz") for name in ("T1w", target)}
    source, wanted = (normalised(scan.data.astype(np.float32)) for scan in scans.values())
    inside = scans["T1w"].data > 0
    made = maker.make(scans["T1w"], Facts(contrast=target)).data
    copied = linear_copy(source, wanted, inside)
    return {
        "PSNR": round(psnr(made, wanted, inside), 2),
        "SSIM": round(ssim(made, wanted, inside), 3),
        "copy: PSNR": round(psnr(copied, wanted, inside), 2),
        "copy: SSIM": round(ssim(copied, wanted, inside), 3),
    }


def _coarse(
    voxels: npt.NDArray[np.float32], affine: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Return a volume averaged to about 2 mm along the axes that are finer."""
    zooms = Volume(data=voxels, affine=affine, path=Path()).zooms
    shape = tuple(round(n * min(1.0, zoom / COARSE_MM)) for n, zoom in zip(voxels.shape, zooms, strict=True))
    ratio = np.array(voxels.shape) / shape
    coarse = affine.copy()
    coarse[:3, :3] = affine[:3, :3] * ratio
    coarse[:3, 3] = affine[:3, 3] + affine[:3, :3] @ ((ratio - 1) / 2)
    return averaged(voxels, shape), coarse


if __name__ == "__main__":
    main()
