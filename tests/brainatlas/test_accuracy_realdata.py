"""One person of OASIS-TRT labelled from four others, through the commands: the fusers rank as measured."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from brainatlas.app import app

SUBCORTICAL = (10, 49, 11, 50, 12, 51, 13, 52, 17, 53, 18, 54, 26, 58)
ATLAS = "trt01 trt02 trt03 trt04"


def _brain(*words: str | Path) -> None:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output


def _dice(found: np.ndarray, truth: np.ndarray) -> float:
    scores = [2 * ((found == n) & (truth == n)).sum() / ((found == n).sum() + (truth == n).sum()) for n in SUBCORTICAL]
    return float(np.mean(scores))


@pytest.mark.realdata
def test_joint_fusion_beats_weighted_beats_majority(realdata: Path, tmp_path: Path) -> None:
    out, source = tmp_path / "out", realdata / "oasis-trt"
    _brain(
        "register", source, source, "--out", out, "--atlas-participant-label", ATLAS, "--participant-label", "trt05",
        "--plugin", "Linear",
    )  # fmt: skip
    truth = np.asarray(nib.load(source / "derivatives/labels/sub-trt05/anat/sub-trt05_dseg.nii.gz").dataobj)
    scores = {}
    for method in ("majority", "weighted", "jlf"):
        _brain("vote", out, "--method", method, "--plugin", "Linear")
        voted = out / f"oasis-trt/sub-trt05/anat/sub-trt05_space-T1w_desc-{method}_dseg.nii.gz"
        scores[method] = _dice(np.asarray(nib.load(voted).dataobj), truth)
    assert scores["majority"] > 0.7
    assert scores["weighted"] > scores["majority"] + 0.01
    assert scores["jlf"] > scores["majority"] + 0.03
