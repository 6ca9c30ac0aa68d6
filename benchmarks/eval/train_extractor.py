"""A phantom cohort in, the built-in extractor's weights out.

brain atlas phantom --out ph --subjects 40 --seed 4001
python benchmarks/eval/train_extractor.py --cohort ph --work work --out built-in.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow.parquet as pq
from cohort import drawn

from braineval.pretrain import PretrainSettings, pretrain, save_weights, targets
from braineval.slices import open_slices


def main() -> None:
    """Strip, tabulate, render, train, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", type=Path, required=True, help="what `brain atlas phantom` wrote")
    parser.add_argument("--work", type=Path, required=True, help="folder for the steps in between")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--steps", type=int, default=PretrainSettings().steps)
    given = parser.parse_args()
    slices = open_slices(drawn(given.cohort, given.work, ("axial", "coronal", "sagittal")))
    table = pq.read_table(given.work / f"{given.cohort.name}-slices" / "table" / "slices").to_pandas()
    save_weights(pretrain(slices, targets(slices, table), PretrainSettings(steps=given.steps)), given.out)


if __name__ == "__main__":
    main()
