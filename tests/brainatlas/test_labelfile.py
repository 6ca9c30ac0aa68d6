"""The names of structures travel with the labels: the source's own first, then the table its numbers belong to."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from brainatlas.labelfile import _names_of

PRESENT = (2, 3, 4, 10, 11, 12, 17, 41, 43, 49, 53, 631)


def _labels(folder: Path) -> tuple[Path, np.ndarray]:
    path = folder / "sub-01" / "anat" / "sub-01_dseg.nii.gz"
    path.parent.mkdir(parents=True)
    data = np.zeros((4, 4, 4), np.uint16)
    data.flat[: len(PRESENT)] = PRESENT
    nib.save(nib.Nifti1Image(data, np.eye(4)), path)
    return path, data


def test_names_come_from_the_dataset_table_above(tmp_path: Path) -> None:
    path, data = _labels(tmp_path)
    (tmp_path / "dseg.tsv").write_text("index\tname\n17\tLeft hippocampus, drawn by hand\n", encoding="utf-8")
    assert _names_of(path, data)[17] == "Left hippocampus, drawn by hand"


def test_names_are_completed_from_the_numbering_and_unknown_ids_stay_unnamed(tmp_path: Path) -> None:
    path, data = _labels(tmp_path)
    names = _names_of(path, data)
    assert names[4] == "Left-Lateral-Ventricle"
    assert not [name for name in names.values() if name.startswith("label")]
