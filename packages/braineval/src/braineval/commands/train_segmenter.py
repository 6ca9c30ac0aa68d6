"""`brain eval train-segmenter`: slices and their true labels in, a folder with a small segmenter out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

STEPS = 1500


def train_segmenter(
    slices: Annotated[Path, typer.Argument(help="Slice folder of real slices.")],
    labels: Annotated[Path, typer.Argument(help="Their true labels, by `brain eval draw-labels`.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the segmenter.")],
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps of 16 slices.")] = STEPS,
    seed: Annotated[int, typer.Option(help="Of weights, batches and, without a split, who is held out.")] = 0,
) -> None:
    """Train a small U-Net on slices of training people; its Dice on people it has not seen is printed and kept.

    Example: brain eval train-segmenter slices slices-labels --out segmenter
    """
    from braineval.label_slices import open_labels
    from braineval.segmenter_training import SegmenterSettings
    from braineval.segmenter_training import train_segmenter as train
    from braineval.slices import open_slices

    about = train(open_slices(slices), open_labels(labels), out, SegmenterSettings(steps=steps, seed=seed)).about
    print(
        f"{out}: {len(about.labels)} structures, mean Dice {about.mean_dice:.3f} on {about.held_out[0]} slices of "
        f"{about.held_out[1]} people it has not seen",
        file=sys.stderr,
    )
