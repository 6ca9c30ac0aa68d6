"""A small BIDS cohort of made heads, a ball of white matter in a grey shell around fluid, and a quick config."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

SIDE = 20  # voxels of 3 mm
AFFINE = np.array([[3.0, 0, 0, -30], [0, 3, 0, -28], [0, 0, 3, -25], [0, 0, 0, 1]])
ECHOES = (60, 120)
FLUID, GREY, WHITE = 1, 2, 3


def head(person: int, side: int = SIDE) -> np.ndarray:
    """Return tissue numbers of a person: sizes and place differ between people."""
    rng = np.random.default_rng(person)
    scale = side / SIDE
    at = np.indices((side,) * 3) + 0.5 - (side / 2 + scale * rng.uniform(-1, 1, (3, 1, 1, 1)))
    radius = np.sqrt((at**2).sum(axis=0)) / scale
    fluid, white, outer = 2.5 + rng.uniform(0, 1.5), 6.0 + rng.uniform(-0.5, 0.5), 8.5 + rng.uniform(-0.5, 0.5)
    tissue = np.zeros((side,) * 3, dtype=int)
    tissue[radius < outer] = GREY
    tissue[radius < white] = WHITE
    tissue[radius < fluid] = FLUID
    return tissue


def levels(contrast: str, te: float | None) -> np.ndarray:
    """Return the grey value of nothing, fluid, grey and white matter."""
    if contrast == "T1w":
        return np.array([0, 150, 500, 900.0])
    if contrast == "FLAIR":
        return np.array([0, 60, 800, 550.0])
    decay = np.exp(-float(te or 0) / np.array([1900, 97, 72.0]))
    return np.array([0, *(1000 * decay * [1.0, 0.86, 0.72])])


def write_scan(folder: Path, person: int, contrast: str, te: float | None = None, acq: str = "") -> Path:
    """Write one scan with its sidecar and return its path."""
    name = f"sub-{person:02d}"
    anat = folder / name / "anat"
    anat.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([person, len(acq), sum(map(ord, contrast))])
    voxels = levels(contrast, te)[head(person)]
    voxels = voxels + (voxels > 0) * rng.normal(0, 10, voxels.shape)
    path = anat / f"{name}{acq}_{contrast}.nii.gz"
    nib.save(nib.Nifti1Image(np.rint(voxels).astype(np.int16), AFFINE), path)
    sidecar = {"MagneticFieldStrength": 3.0, "Manufacturer": "Siemens"} | ({} if te is None else {"EchoTime": te / 1e3})
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(sidecar))
    return path


def write_cohort(folder: Path, people: int, held_out: int) -> Path:
    """Write people with T1w, two T2w and FLAIR; the last `held_out` are for test."""
    for person in range(people):
        write_scan(folder, person, "T1w")
        write_scan(folder, person, "FLAIR")
        for te in ECHOES:
            write_scan(folder, person, "T2w", te, f"_acq-te{te}")
    rows = [f"sub-{person:02d}\t{20 + person}\t{'FM'[person % 2]}\t{'test' if person >= people - held_out else 'train'}"
            for person in range(people)]  # fmt: skip
    (folder / "participants.tsv").write_text("\n".join(["participant_id\tage\tsex\tsplit", *rows]) + "\n")
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "made", "License": "CC0-1.0"}))
    return folder


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five people, the last for test."""
    return write_cohort(tmp_path_factory.mktemp("tumsyn") / "made", 5, 1)


def small(steps: int) -> str:
    """Return the tiny config's TOML with small networks, small patches and `steps` steps of both stages."""
    text = files("brainldm.tumsyn.configs").joinpath("tiny.toml").read_text()
    changed = {
        "vision": {"halving": 2, "crop": 12, "patch": 4, "width": 16, "layers": 1, "heads": 2, "mlp": 16},
        "text": {"vocabulary": 150, "width": 16, "layers": 1, "heads": 2, "embedding": 16},
        "contrastive": {"batch": 6, "steps": steps, "warmup_steps": 2},
        "synthesis": {"blocks": 2, "channels": 8, "width": 16, "heads": 2, "decoder": "[32]"},
        "training": {
            "patch": 8,
            "queries": 300,
            "batch": 4,
            "steps": steps,
            "constant_steps": 420,
            "halve_every": 60,
            "ema_decay": 0.95,
        },
        "inference": {"patch": 12},
    }
    section, lines = "", []
    for line in text.splitlines():
        section = line.strip("[]") if line.startswith("[") else section
        key = line.split(" = ")[0]
        lines.append(f"{key} = {changed[section][key]}" if key in changed.get(section, {}) else line)
    return "\n".join(lines)


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """A config of three steps a stage."""
    (tmp_path / "quick.toml").write_text(small(3))
    return tmp_path / "quick.toml"


@pytest.fixture(scope="session")
def model(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of three steps a stage."""
    from brainldm.systems import TrainingRequest, train_system

    out = tmp_path_factory.mktemp("model")
    (out / "quick.toml").write_text(small(3))
    request = TrainingRequest(
        data=cohort, out=out / "m", config=str(out / "quick.toml"), text="built-in", minutes=None, seed=0
    )
    assert "3 of 3 steps on 16 volumes" in train_system("tumsyn", request)
    return out / "m"
