"""Phantom people in, a BIDS folder out: raw scans with sidecars, true labels and brain masks as a derivative."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from brainatlas import __version__
from brainatlas.niftifile import write_nifti
from brainatlas.phantom.anatomy import MIDLINE, PAIRED
from brainatlas.phantom.protocol import CONTRASTS, field_strengths
from brainatlas.phantom.subject import SIZES, Subject, make_subject
from braincaption.atomic import atomic_path, remove_leftovers
from braincaption.errors import UsageError
from braincaption.progress import track

BIDS_VERSION = "1.10.0"
LABELS = Path("derivatives") / "labels"
_README = """# Phantom brains

A synthetic cohort: nobody was scanned. Each person is a smooth random deformation of the ICBM152 2009a template, with
skull and scalp around the brain, ventricles that grow with age and a head size that goes with sex. The grey values
follow from tissue parameters by the signal equations of the sequences in the sidecars (spoiled gradient echo, spin
echo, inversion recovery), with a smooth bias field and Rician noise. `derivatives/labels` has the true structures
(FreeSurfer numbers, named in `dseg.tsv`) and the true brain masks.

Made by brainatlas. What it made is dedicated to the public domain (CC0). The template it starts from is

> Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill
> University. Permission to use, copy, modify, and distribute this software and its documentation for any purpose and
> without fee is hereby granted, provided that the above copyright notice appear in all copies. The authors and McGill
> University make no representations about the suitability of this software for any purpose. It is provided "as is"
> without express or implied warranty.

Please cite V.S. Fonov, A.C. Evans, R.C. McKinstry, C.R. Almli, D.L. Collins 2009, NeuroImage 47:S102,
doi:10.1016/S1053-8119(09)70884-5, and Fonov et al. 2011, NeuroImage 54:313, doi:10.1016/j.neuroimage.2010.07.033.
"""
_NAMES = {
    "white": "Cerebral-White-Matter",
    "cortex": "Cerebral-Cortex",
    "lateral_ventricle": "Lateral-Ventricle",
    "inferior_lateral_ventricle": "Inf-Lat-Vent",
    "cerebellum_white": "Cerebellum-White-Matter",
    "cerebellum_cortex": "Cerebellum-Cortex",
    "thalamus": "Thalamus",
    "caudate": "Caudate",
    "putamen": "Putamen",
    "pallidum": "Pallidum",
    "hippocampus": "Hippocampus",
    "amygdala": "Amygdala",
    "accumbens": "Accumbens-area",
    "ventral_dc": "VentralDC",
    "third_ventricle": "3rd-Ventricle",
    "fourth_ventricle": "4th-Ventricle",
    "brainstem": "Brain-Stem",
    "csf": "CSF",
}


def write_cohort(out: Path, *, subjects: int, size: str, seed: int, field_t: float | None = None) -> None:
    """Write phantom people 1 to `subjects` as a BIDS dataset; people already there are left as they are.

    Parameters
    ----------
    out : Path
        Folder of the dataset.
    subjects : int
        At least 1.
    size : str
        ``tiny`` (64 × 72 × 64 voxels of 3 mm) or ``full`` (192 × 216 × 192 of 1 mm).
    seed : int
        Not negative.
    field_t : float, optional
        Field strength of every scan, tesla; drawn scan by scan where none is given.

    Raises
    ------
    UsageError
        Impossible numbers, an unknown size, or a folder that holds something else. Nothing is written.
    """
    if subjects < 1:
        raise UsageError(f"--subjects {subjects} makes no cohort: give 1 or more")
    if seed < 0:
        raise UsageError(f"--seed {seed} is negative: give 0 or more")
    if size not in SIZES:
        raise UsageError(f"--size {size} is not known: give {' or '.join(SIZES)}")
    if field_t is not None and field_t not in field_strengths():
        known = ", ".join(f"{field:g}" for field in field_strengths())
        raise UsageError(f"--field-strength {field_t:g} has no scanner: give one of {known} (tesla)")
    description = _description(size, seed, field_t)
    _check_folder(out, description)
    remove_leftovers(out)
    _write(out / "dataset_description.json", description)
    for name, text in _fixed_files(size, seed).items():
        _write(out / name, text)
    people = [_person(out, index, size, seed, field_t) for index in track(range(1, subjects + 1), "phantom people")]
    _write_participants(out, people)


def _check_folder(out: Path, description: str) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is a file: give a folder for --out")
    standing = out / "dataset_description.json"
    if standing.exists() and standing.read_text(encoding="utf-8") != description:
        raise UsageError(f"{out} holds another dataset (or another --size or --seed): give a new folder for --out")
    if not standing.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty and holds no phantom cohort: give a new folder for --out")


def _person(out: Path, index: int, size: str, seed: int, field_t: float | None) -> tuple[str, int, str]:
    """Write one person unless all of it is there; return what participants.tsv needs."""
    name = f"sub-{index:02d}"
    files = _paths(out, name)
    # Age and sex are cheap only with the voxels at hand, so they are read back from the person's sidecar.
    if all(path.exists() for path in files.values()):
        stated = json.loads(files["T1w.json"].read_text(encoding="utf-8"))["Phantom"]
        return name, stated["Age"], stated["Sex"]
    subject = make_subject(index, seed=seed, grid=SIZES[size], field_t=field_t)
    write_nifti(files["dseg"], subject.labels.astype(np.uint8), subject.affine)
    _write(files["dseg.tsv"], _lookup(set(np.unique(subject.labels).tolist())))
    write_nifti(files["mask"], subject.mask, subject.affine)
    for contrast, scan in subject.scans.items():
        write_nifti(files[contrast], scan.data, subject.affine)
        _write(files[f"{contrast}.json"], _json(_sidecar(subject, contrast)))
    return name, subject.age, subject.sex


def _paths(out: Path, name: str) -> dict[str, Path]:
    labels = out / LABELS / name / "anat"
    paths = {
        "dseg": labels / f"{name}_dseg.nii.gz",
        "dseg.tsv": labels / f"{name}_dseg.tsv",  # beside its map too: not every reader inherits
        "mask": labels / f"{name}_desc-brain_mask.nii.gz",
    }
    for contrast in CONTRASTS:
        paths[contrast] = out / name / "anat" / f"{name}_{contrast}.nii.gz"
        paths[f"{contrast}.json"] = out / name / "anat" / f"{name}_{contrast}.json"
    return paths


def _sidecar(subject: Subject, contrast: str) -> dict[str, object]:
    stated = {"Age": subject.age, "Sex": subject.sex}
    return {**subject.scans[contrast].protocol.sidecar(), "SkullStripped": False, "Phantom": stated}


def _description(size: str, seed: int, field_t: float | None) -> str:
    at = "" if field_t is None else f", {field_t:g} T"
    return _json(
        {
            "Name": f"Phantom brains ({size}, seed {seed}{at})",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw",
            "License": "CC0-1.0",
            "Authors": ["brainatlas phantom"],
            "HowToAcknowledge": "Cite the ICBM152 template, doi:10.1016/j.neuroimage.2010.07.033",
            "ReferencesAndLinks": ["https://doi.org/10.1016/j.neuroimage.2010.07.033"],
            "GeneratedBy": [_generator()],
        }
    )


def _generator() -> dict[str, str]:
    return {"Name": "brainatlas", "Version": __version__, "Description": "brain atlas phantom"}


def _fixed_files(size: str, seed: int) -> dict[str, str]:
    derivative = {
        "Name": f"True labels and brain masks of the phantom brains ({size}, seed {seed})",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "License": "CC0-1.0",
        "GeneratedBy": [_generator()],
    }
    columns = {
        "age": {"Description": "age at the scan", "Units": "year"},
        "sex": {"Description": "sex that head size goes with", "Levels": {"F": "female", "M": "male"}},
    }
    return {
        "README": _README,
        "participants.json": _json(columns),
        str(LABELS / "dataset_description.json"): _json(derivative),
        str(LABELS / "README"): _README,
        str(LABELS / "dseg.tsv"): _lookup(),
    }


def _lookup(present: set[int] | None = None) -> str:
    rows = [(number, _NAMES[name]) for name, number in MIDLINE.items()]
    for name, (left, right) in PAIRED.items():
        rows += [(left, f"Left-{_NAMES[name]}"), (right, f"Right-{_NAMES[name]}")]
    return _tsv(("index", "name"), sorted(row for row in rows if present is None or row[0] in present))


def _write_participants(out: Path, people: list[tuple[str, int, str]]) -> None:
    known: dict[str, tuple[str, ...]] = {}
    path = out / "participants.tsv"
    if path.exists():  # a smaller --subjects must not forget people made before
        with path.open(newline="", encoding="utf-8") as handle:
            known = {row[0]: tuple(row) for row in list(csv.reader(handle, delimiter="\t"))[1:]}
    known.update({name: (name, str(age), sex) for name, age, sex in people})
    _write(path, _tsv(("participant_id", "age", "sex"), sorted(known.values(), key=lambda row: int(str(row[0])[4:]))))


def _tsv(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def _json(content: Mapping[str, object]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as aside:
        aside.write_text(text, encoding="utf-8")
