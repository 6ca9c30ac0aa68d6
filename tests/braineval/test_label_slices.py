"""True labels are drawn on the very pixels of the slices, whatever the axes of the scan; merged parcels stay merged."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from braincaption.brain import build as brain
from braineval.label_slices import draw_labels, open_labels
from braineval.slices import open_slices

GREYS = {16: 50, 10: 90, 49: 200, 1003: 140}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One scan of four blocks, axes ASL, whose grey tells the label."""
    folder = tmp_path_factory.mktemp("cohort")
    labels = np.zeros((24, 24, 24), dtype=np.int16)
    for i, label in enumerate(GREYS):
        labels[4 + 4 * i : 8 + 4 * i, 5:19, 3:20] = label
    labels[:, 12:, 12:] = np.where(labels[:, 12:, 12:] == 10, 49, labels[:, 12:, 12:])
    image = sum(grey * (labels == label) for label, grey in GREYS.items())
    affine = np.array([[0, 0, -1, 10], [1, 0, 0, -12], [0, 1, 0, -9], [0, 0, 0, 1]], dtype=float)
    for path, data in (
        (folder / "sub-1" / "anat" / "sub-1_T1w.nii.gz", image),
        (folder / "derivatives" / "labels" / "sub-1" / "anat" / "sub-1_dseg.nii.gz", labels),
    ):
        path.parent.mkdir(parents=True)
        nib.save(nib.Nifti1Image(np.asarray(data, dtype=np.int16), affine), path)
    about = {"Name": "blocks", "BIDSVersion": "1.10.0", "DatasetType": "raw", "SkullStripped": True}
    (folder / "dataset_description.json").write_text(json.dumps(about))
    (folder / "derivatives" / "labels" / "dataset_description.json").write_text(
        json.dumps(about | {"DatasetType": "derivative", "GeneratedBy": [{"Name": "hand"}]})
    )
    return folder


def run(*words: object) -> None:
    done = CliRunner().invoke(brain(), [str(word) for word in words])
    assert done.exit_code == 0, done.stderr


def rendered(cohort: Path, work: Path, *options: str) -> tuple[Path, Path, Path]:
    """Return the table, the slice folder drawn from it, and where its labels may go."""
    table, folder = work / "table", work / "slices"
    run("caption", "tabulate", cohort, "--out", table, "--lut", "freesurfer", "--workers", 1, *options)
    planes = [word for plane in ("axial", "coronal", "sagittal") for word in ("--plane", plane)]
    run("caption", "render", table, "--out", folder, "--size", 32, "--fov", 32, *planes)
    return table, folder, work / "labels"


@pytest.mark.parametrize("merge", [False, True])
def test_labels_lie_on_the_pixels_of_their_slices(cohort: Path, tmp_path: Path, merge: bool) -> None:
    table, folder, labels = rendered(cohort, tmp_path, *(["--merge"] if merge else []))
    run("eval", "draw-labels", table, folder, "--out", labels)
    slices, truth = open_slices(folder), open_labels(labels)
    assert len(slices) == len(truth.slices) and slices.keys() == truth.slices.keys()
    assert truth.labels == ((3, 10, 16, 49) if merge else (10, 16, 49, 1003))
    grey, classes = slices.images(), truth.slices.images()
    # The window runs from 50 to 200: what is 90, 140 and 200 there is 68, 153 and 255 here; no edge mixes to these.
    for shown, label in ((68, 10), (153, 3 if merge else 1003), (255, 49)):
        there = classes[grey == shown]
        assert len(there) > 500
        assert (there == 1 + truth.labels.index(label)).mean() > 0.97
    assert (classes[grey == 0] == 1 + truth.labels.index(16)).any()


def test_slices_of_another_table_are_refused(cohort: Path, tmp_path: Path) -> None:
    table, folder, labels = rendered(cohort, tmp_path)
    (folder / "render.json").unlink()
    with pytest.raises(Exception, match=r"has no render.json.*brain caption render"):
        draw_labels(table, folder, labels)
