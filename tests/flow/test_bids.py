"""The phantom cohort and brainatlas's output pass the official BIDS validator without errors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Brain = Callable[..., subprocess.CompletedProcess[str]]


def errors_of(dataset: Path) -> list[str]:
    """Codes and places of the validator's errors; a dataset that is no dataset must not count as valid."""
    validator = Path(sys.executable).with_name("bids-validator-deno")
    done = subprocess.run([str(validator), str(dataset), "--json"], capture_output=True, text=True, timeout=300)
    report = json.loads(done.stdout)
    assert report["summary"]["totalFiles"] > 3, f"the validator saw no dataset in {dataset}"
    issues = report["issues"]["issues"]
    return [f"{issue['code']} {issue.get('location', '')}" for issue in issues if issue["severity"] == "error"]


def test_the_validator_notices_a_broken_dataset(phantoms: Path, tmp_path: Path) -> None:
    """Guards the two tests below: were the validator silent about everything, they would pass."""
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(phantoms / "atlas", broken)
    (broken / "sub-01" / "anat" / "sub-01_T9w.nii.gz").write_bytes(b"")
    (broken / "dataset_description.json").write_text("{}", encoding="utf-8")
    assert errors_of(broken)


def test_tiny_phantom_is_valid(phantoms: Path) -> None:
    assert errors_of(phantoms / "atlas") == []
    assert errors_of(phantoms / "atlas" / "derivatives" / "labels") == []


def test_full_phantom_is_valid(tmp_path: Path, brain: Brain) -> None:
    brain("atlas", "phantom", "--out", tmp_path / "full", "--subjects", 1, "--size", "full")
    assert errors_of(tmp_path / "full") == []


def test_outputs_of_brainatlas_are_valid_derivatives(walked: Path) -> None:
    for cohort in ("atlas", "cohort"):
        assert errors_of(walked / "atlas" / cohort) == []
