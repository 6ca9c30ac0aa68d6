"""The captioner on its own: a map that is no brain, the CSV, the commands and their exit codes, lightness."""

from __future__ import annotations

import csv
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from braincaption import caption_label_map
from braincaption.app import app
from braincaption.errors import UsageError
from braincaption.export import export_csv
from braincaption.parse import parse


@pytest.fixture
def knee(tmp_path):
    """A label map of a knee with its own names: nothing in it is a brain."""
    data = np.zeros((20, 18, 30), np.uint8)
    data[4:16, 4:14, 18:28] = 1
    data[5:15, 5:13, 2:14] = 2
    data[5:9, 6:12, 14:18] = 3
    data[11:15, 6:12, 14:18] = 4
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = [-20, -18, -45]
    nib.save(nib.Nifti1Image(data, affine), tmp_path / "knee.nii.gz")
    names = "index\tname\n1\tFemur\n2\tTibia\n3\tLeft-Meniscus\n4\tRight-Meniscus\n"
    (tmp_path / "knee.tsv").write_text(names)
    return tmp_path / "knee.nii.gz"


def test_somebodys_own_map_is_captioned_in_one_call(knee):
    table = caption_label_map(knee, organ="knee", plane="axial")
    rows = table.to_pylist()
    assert [row["plane"] for row in rows] == ["axial"] * 26
    for row in rows:
        assert "brain" not in row["caption"] and "MRI" not in row["caption"]
        said = [structure.volume_mm3 for structure in parse(row["caption"]).structures]
        assert sum(said) == sum(one["volume_mm3"] for one in row["structures"])
    both = next(row["caption"] for row in rows if row["index"] == 15)
    assert "menisc" in both and "288" in both


def test_a_wrong_plane_is_refused(knee):
    with pytest.raises(UsageError, match="none of axial, coronal, sagittal"):
        caption_label_map(knee, plane="transverse")


def brain(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_commands_make_tables_captions_and_csv(knee, tmp_path):
    out = tmp_path / "out"
    assert brain("tabulate", knee, "--out", out).exit_code == 0
    assert brain("write", out, "--seed", 3, "--organ", "knee").exit_code == 0
    assert brain("export", out, tmp_path / "knee.csv").exit_code == 0
    with (tmp_path / "knee.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert rows[0]["plane"] == "axial" and rows[0]["caption"].endswith((".", "?"))
    assert sum(float(row["1 femur (mm3)"] or 0) for row in rows if row["plane"] == "axial") == 12 * 10 * 10 * 12
    assert export_csv(out, tmp_path / "again.csv") == len(rows)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "knee.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tabulate", "/no/where", "--out", "{out}"), "does not exist"),
        (("tabulate", "{map}", "--out", "{out}", "--lut", "nope"), "neither a file nor one of"),
        (("tabulate", "{map}", "--out", "{out}", "--shard", "9/3"), "give 0/8 to 7/8"),
        (("tabulate", "{map}", "--out", "{out}", "--lut", "muse", "--merge"), "leave it out"),
        (("write", "{out}"), "run the command that makes them first"),
        (("export", "{out}", "x.txt"), "does not end in .csv"),
    ],
)
def test_wrong_arguments_exit_2_and_write_nothing(knee, tmp_path, arguments, message):
    filled = [argument.format(out=tmp_path / "out", map=knee) for argument in arguments]
    result = brain(*filled)
    assert result.exit_code == 2 and message in result.output.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_a_truncated_map_exits_1_and_is_listed(knee, tmp_path):
    knee.write_bytes(knee.read_bytes()[:150])
    result = brain("tabulate", knee, "--out", tmp_path / "out")
    assert result.exit_code == 1 and "download or export it again" in result.output
    assert "knee" in (tmp_path / "out" / "logs" / "failed.tsv").read_text()


def test_the_import_is_light():
    code = (
        "import sys, braincaption, braincaption.app\n"
        "heavy = {'numpy', 'numba', 'pyarrow', 'pandas', 'nibabel', 'torch', 'ants', 'nipype', 'transformers'}\n"
        "print(sorted((heavy | {'datasets'}) & set(sys.modules)))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
