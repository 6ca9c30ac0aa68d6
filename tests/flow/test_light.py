"""The captioner stays light, and `brain --help` loads nothing heavy: other projects install braincaption alone."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

HEAVY = ("torch", "ants", "nipype", "transformers", "datasets")
PACKAGES = Path(__file__).resolve().parents[2] / "packages"


def _loaded(code: str) -> set[str]:
    script = f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_import_braincaption_loads_nothing_heavy() -> None:
    assert not _loaded("import braincaption") & set(HEAVY)


def test_no_module_of_braincaption_imports_the_heavy_ones() -> None:
    code = (
        "import braincaption, importlib, pkgutil\n"
        "for module in pkgutil.walk_packages(braincaption.__path__, 'braincaption.'):\n"
        "    importlib.import_module(module.name)"
    )
    assert not _loaded(code) & set(HEAVY)


def test_brain_help_loads_no_scientific_package() -> None:
    code = "from braincaption.brain import build\nimport typer\ntyper.main.get_command(build())"
    assert not _loaded(code) & {*HEAVY, "numpy", "pandas", "pyarrow", "nibabel", "scipy", "numba"}


@pytest.mark.isolated
def test_braincaption_works_alone_in_a_clean_environment(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    constraints = PACKAGES.parent / "constraints.txt"
    install = [python, "-m", "pip", "install", "-q", "-c", constraints, PACKAGES / "braincaption"]
    subprocess.run(list(map(str, install)), check=True, capture_output=True, timeout=600)
    listed = subprocess.run(
        [str(python), "-m", "pip", "list"], check=True, capture_output=True, text=True
    ).stdout.lower()
    assert not [name for name in ("torch", "antspyx", "nipype", "transformers", "datasets") if f"\n{name} " in listed]

    labels = np.zeros((12, 12, 12), np.uint8)
    labels[6:9, 4:8, 4:8] = 10  # left thalamus in FreeSurfer's numbers
    nib.save(nib.Nifti1Image(labels, np.diag([-1.0, 1.0, 1.0, 1.0])), tmp_path / "mine_dseg.nii.gz")
    brain = str(tmp_path / "env" / "bin" / "brain")
    for arguments in (
        ["tabulate", tmp_path / "mine_dseg.nii.gz", "--out", tmp_path / "out"],
        ["write", tmp_path / "out"],
    ):
        subprocess.run([brain, "caption", *map(str, arguments)], check=True, capture_output=True, timeout=300)
    script = (
        "import sys, pathlib, pyarrow.parquet as pq\n"
        "parts = sorted(pathlib.Path(sys.argv[1]).glob('*.parquet'))\n"
        "print('\\n'.join(c for p in parts for c in pq.read_table(p)['caption'].to_pylist()))"
    )
    read = [str(python), "-c", script, str(tmp_path / "out" / "captions")]
    captions = subprocess.run(read, check=True, capture_output=True, text=True).stdout
    assert "left thalamus" in captions.lower()
