"""200 damaged files through strip: the right result, or an error with a remedy; never another exception."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pytest

from brainatlas.cohorts import Scan
from brainatlas.strip import StripSettings, strip_scan
from braincaption.errors import ScanError

HEADER = 352
CHANGED_HEADER = 1  # the kind of damage that may honestly read as another scan
MOST_SECONDS = 10.0


def _damaged(good: bytes, case: int) -> bytes:
    """Return gzip bytes: cut short, with header bytes changed, with data bytes changed, or not gzip at all."""
    chance = np.random.default_rng(case)
    kind = case % 4
    if kind == 0:
        packed = gzip.compress(good, mtime=0)
        return packed[: int(chance.integers(0, len(packed)))]
    raw = bytearray(good)
    if kind == CHANGED_HEADER:
        for place in chance.integers(0, HEADER, chance.integers(1, 6)):
            raw[place] = int(chance.integers(0, 256))
    elif kind == 2:
        raw = raw[: int(chance.integers(0, len(raw)))]
    else:
        packed_array = bytearray(gzip.compress(good, mtime=0))
        for place in chance.integers(0, len(packed_array), 3):
            packed_array[place] = int(chance.integers(0, 256))
        return bytes(packed_array)
    return gzip.compress(bytes(raw), mtime=0)


@pytest.mark.filterwarnings("ignore")  # numpy and nibabel grumble about absurd headers before we refuse them
@pytest.mark.parametrize("block", range(10))
def test_damaged_files_end_in_a_result_or_a_remedy(tmp_path: Path, brains: ModuleType, block: int) -> None:
    matrix, shape = brains.affine(zoom=8.0), (24, 28, 24)
    image, _ = brains.brain(matrix, shape)
    nib.save(nib.Nifti1Image(image, matrix), tmp_path / "good.nii")
    good = (tmp_path / "good.nii").read_bytes()
    fields = {"cohort": "c", "person": "c/1", "subject": "1", "stem": "sub-1", "suffix": "T1w"}
    outcomes = []
    for case in range(block * 20, block * 20 + 20):
        path = tmp_path / f"case{case}.nii.gz"
        path.write_bytes(_damaged(good, case))
        scan = Scan(scan_id="c_sub-1_T1w", entities={"sub": "1"}, image=path, stripped=True, **fields)  # type: ignore[arg-type]
        start = time.perf_counter()
        try:
            record = strip_scan(scan, tmp_path / f"out{case}", StripSettings())
            outcomes.append("result")
            written = nib.load(record.place.brain)
            assert len(written.shape) == 3 and np.isfinite(written.get_fdata()).all()
            if case % 4 != CHANGED_HEADER:  # whatever was cut or overwritten: what is read is what was there
                assert np.array_equal(written.get_fdata(), image) and np.allclose(written.affine, matrix)
        except ScanError as error:
            outcomes.append("remedy")
            assert ":" in str(error) and len(str(error)) > 30
            assert not list((tmp_path / f"out{case}").rglob("*.nii.gz"))
        assert time.perf_counter() - start < MOST_SECONDS
    assert "remedy" in outcomes
