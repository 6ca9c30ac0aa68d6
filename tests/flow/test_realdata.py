"""The same commands on real scans: four OASIS people label a fifth, a whole head and a patient's three contrasts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

Brain = Callable[..., subprocess.CompletedProcess[str]]
ATLAS_PEOPLE = ("trt01", "trt02", "trt03", "trt04")


@pytest.mark.realdata
def test_real_scans_walk_from_cohort_to_dataset(realdata: Path, tmp_path: Path, brain: Brain) -> None:
    out, captions, dataset = tmp_path / "out", tmp_path / "captions", tmp_path / "dataset"
    brain(
        *("atlas", "register", realdata / "oasis-trt", realdata / "oasis-trt", realdata / "ixi", realdata / "ms-mni"),
        *(part for person in ATLAS_PEOPLE for part in ("--atlas-participant-label", person)),
        *(part for person in ("trt05", "ixi012", "ms07") for part in ("--participant-label", person)),
        *("--out", out, "--workers", "2"),
    )
    brain("atlas", "vote", out)
    brain("atlas", "expand", out)
    brain("atlas", "report", out, "--truth", realdata / "oasis-trt")
    catalog = pq.read_table(out / "catalog.parquet").to_pandas()
    assert len(catalog) == 81  # 4 + 1 + 1 + 3 scans, each in the space of each
    assert set(catalog["sequence"]) == {"T1w", "T2w", "FLAIR"}
    assert "trt05" in (out / "report.html").read_text(encoding="utf-8")

    brain("caption", "tabulate", out / "catalog.parquet", "--out", captions, "--merge")
    brain("caption", "write", captions)
    brain("caption", "dataset", captions, "--out", dataset, "--configs", "text")
    opened = datasets.load_dataset(str(dataset), "text", cache_dir=str(tmp_path / "cache"))
    people = {split: set(rows["image_subject"]) for split, rows in opened.items() if split != "cross"}
    assert sum(len(rows) for rows in opened.values()) > 10_000
    for first in people:
        assert not [second for second in people if second != first and people[first] & people[second]]
