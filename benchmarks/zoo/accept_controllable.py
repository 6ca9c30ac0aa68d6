"""Phantom people in, proof out that Controllable-MR follows its masks and draws the contrast asked for.

    python benchmarks/zoo/accept_controllable.py [--work FOLDER] [--people 30] [--out controllable.json]

The system is trained by `brain ldm train controllable … --config tiny` on the people of split train; every picture
scored is of a mask and a caption of people of split test. Killed, the same command with the same --work goes on;
seconds add up.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from brain_command import THREADS, train
from controllable_slices import phantom_slices
from spent import Spent

from braincaption.slicefolder import METADATA, encode_png
from braineval.metrics import contrast_accuracy, ncc_contrasts, nmi_contrasts, ssim_contrasts
from braineval.resample import mean_interval
from braineval.settings import DEFAULTS
from braineval.slices import Arrays, from_reader, open_slices
from braineval.slices import Slices as Scored
from brainldm.controllable.agreement import tolerant_dice
from brainldm.controllable.canny import canny
from brainldm.controllable.generate import ControlledGenerator
from brainldm.generate import Generator, SamplerSettings, generate
from brainldm.prompts import Request
from brainldm.slices import Slices, load_slices, to_bytes, to_float

SEED = 0
# Slices of each person and contrast, as shares of the way up: the middles of fifths, so that each stands for a fifth.
MIDDLES = (0.1, 0.3, 0.5, 0.7, 0.9)
# The first and last one, scored apart: they show little brain, in which contrasts differ little.
ENDS = (0.0, 1.0)
NEAR_MM = 3.0
DRAWS = 10_000
TARGET_GAIN, TARGET_CONTRAST = 0.2, 0.95
SEQUENCES = ("T1w", "T2w", "FLAIR")
Lines = npt.NDArray[np.bool_]


def main() -> None:
    """Train, draw, score and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--config", default="tiny")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("controllable.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        spent = Spent(work)
        with spent.part("slices", work / "slices" / METADATA):
            slices = phantom_slices(work, given.people)
        train(spent, "training", "controllable", slices, work / "model", "--config", given.config,
              "--seed", SEED, "--threads", THREADS)  # fmt: skip
        with spent.part("drawing and scoring", work / "shared" / METADATA):
            found = measured(work, slices)
        seconds = spent.seconds
    record = {
        "command": f"python benchmarks/zoo/accept_controllable.py --people {given.people} --config {given.config}",
        "machine": f"{os.cpu_count()} cores, CPU only",
        "date": datetime.date.today().isoformat(),
        "seed": SEED,
        "seconds": seconds,
        **found,
    }
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


def measured(work: Path, slices: Path) -> dict[str, Any]:
    """Return what the finished model in ``work/model`` is worth."""
    test, real = load_slices(slices, "test", 4), open_slices(slices)
    edges = np.stack([canny(picture) for picture in test.pictures])
    controlled, plain = ControlledGenerator(work / "model"), Generator(work / "model")
    usual = controlled.control.sampling
    how = SamplerSettings(steps=usual.steps, sampler=usual.sampler, guidance=usual.guidance, negative="")
    rows, ends = chosen_rows(test.table, MIDDLES), chosen_rows(test.table, ENDS)
    own = requests(test, rows, edges)
    generate(controlled, own, how, work / "own")
    generate(plain, [replace(one, lines=None) for one in own], how, work / "plain")
    with torch.no_grad():
        through = to_bytes(controlled.vae.decode(controlled.vae.encode(to_float(test.pictures[rows]))[0]))
    kept = [canny(picture) for picture in through]
    drawn, unled = pictures(work / "own", test, rows), pictures(work / "plain", test, rows)
    save_sheet(work / "sheet.png", test, rows, edges, drawn, unled)
    generate(controlled, requests(test, ends, edges), how, work / "ends")
    shared = one_mask_requests(test, rows, edges)
    generate(controlled, shared, how, work / "shared")
    return {
        "people": {"test": int(test.table["person"].nunique())},
        "drawn": len(rows),
        "sampling": {"sampler": how.sampler, "steps": how.steps, "guidance": how.guidance},
        "targets": {"gain": TARGET_GAIN, "contrast accuracy": TARGET_CONTRAST},
        "edges": {
            f"tolerance {tolerance:g} px": agreement(test.table, rows, edges, kept, drawn, unled, tolerance)
            for tolerance in (2.0, 1.0)
        },
        "contrast accuracy, mask of the same contrast": accuracy(real, work / "own"),
        "contrast accuracy, first and last slice of each person": {
            "drawn": accuracy(real, work / "ends")["value"],
            "real slices": recognised(real, test, ends, test.pictures[ends]),
        },
        "contrast accuracy of others": {
            "the base from text alone": accuracy(real, work / "plain")["value"],
            "real slices": recognised(real, test, rows, test.pictures[rows]),
            "real slices through the VAE": recognised(real, test, rows, through),
        },
        "one mask, one seed, every contrast": between_contrasts(real, work / "shared"),
    }


def chosen_rows(table: pd.DataFrame, shares: Sequence[float]) -> list[int]:
    """Return the slices at these shares of the way up through each person and contrast."""
    rows: list[int] = []
    for _, group in table.groupby(["person", "sequence"], sort=True):
        ordered = group.sort_values("position_mm").index.to_numpy()
        rows += ordered[(np.array(shares) * (len(ordered) - 1)).round().astype(int)].tolist()
    return rows


def requests(test: Slices, rows: list[int], edges: Lines) -> list[Request]:
    """Return a request for each slice: its caption, under its own edges."""
    wanted = []
    for i, row in enumerate(rows):
        facts = test.table.loc[row].drop(["file_name", "caption", "pixel_mm", "window_low", "window_high"]).to_dict()
        caption = str(test.table.at[row, "caption"])
        wanted.append(Request(caption=caption, seed=SEED + i, facts=facts, lines=edges[row]))
    return wanted


def one_mask_requests(test: Slices, rows: list[int], edges: Lines) -> list[Request]:
    """Return, for each T1w slice of `rows`, the captions of all contrasts there under its edges, with one seed."""
    table = test.table
    wanted = []
    for i, row in enumerate(row for row in rows if table.at[row, "sequence"] == "T1w"):
        same = (table["person"] == table.at[row, "person"]) & (table["index"] == table.at[row, "index"])
        at = table[same].sort_values("sequence").index.tolist()
        wanted += [replace(one, seed=SEED + i, lines=edges[row]) for one in requests(test, at, edges)]
    return wanted


def pictures(folder: Path, test: Slices, rows: list[int]) -> npt.NDArray[np.uint8]:
    """Return the drawn pictures in the order of `rows`."""
    drawn = open_slices(folder)
    place = {(volume, index): i for i, (volume, index) in enumerate(zip(drawn.column("volume_id"), drawn.column("index"), strict=True))}  # fmt: skip  # noqa: E501
    keys = zip(test.table.loc[rows, "volume_id"], test.table.loc[rows, "index"], strict=True)
    return drawn.images([place[key] for key in keys])


def gains(
    table: pd.DataFrame, rows: list[int], edges: Lines, drawn: npt.NDArray[np.uint8], tolerance: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return Dice of each drawn slice's edges with its own mask, and its mean with those of other people there."""
    own, others = [], []
    for picture, row in zip(drawn, rows, strict=True):
        lines = canny(picture)
        near = (table["position_mm"] - table.at[row, "position_mm"]).abs() <= NEAR_MM
        there = near & (table["sequence"] == table.at[row, "sequence"]) & (table["person"] != table.at[row, "person"])
        own.append(tolerant_dice(lines, edges[row], tolerance))
        others.append(float(np.mean([tolerant_dice(lines, edges[one], tolerance) for one in table[there].index])))
    return np.array(own), np.array(others)


def agreement(
    table: pd.DataFrame,
    rows: list[int],
    edges: Lines,
    through: list[Lines],
    drawn: npt.NDArray[np.uint8],
    unled: npt.NDArray[np.uint8],
    tolerance: float,
) -> dict[str, Any]:
    """Return Dice of the drawn slices' edges with their own masks and with those of other people there."""
    own, others = gains(table, rows, edges, drawn, tolerance)
    bound = [tolerant_dice(lines, edges[row], tolerance) for lines, row in zip(through, rows, strict=True)]
    floor = [tolerant_dice(canny(picture), edges[row], tolerance) for picture, row in zip(unled, rows, strict=True)]
    gain = own - others
    units = np.unique(table.loc[rows, "person"], return_inverse=True)[1]
    interval = mean_interval(gain, units, DRAWS, np.random.default_rng(SEED))
    return {
        "own mask": round(float(np.mean(own)), 4),
        "masks of other people": round(float(np.mean(others)), 4),
        "gain": round(float(gain.mean()), 4),
        "gain, 95 % interval over people": None if interval is None else [round(bound, 4) for bound in interval],
        "gain by contrast": {
            name: round(float(gain[(table.loc[rows, "sequence"] == name).to_numpy()].mean()), 4) for name in SEQUENCES
        },
        "bound: real slices through the VAE": round(float(np.mean(bound)), 4),
        "floor: the base from text alone": round(float(np.mean(floor)), 4),
        "reached": bool(gain.mean() >= TARGET_GAIN and interval is not None and interval[0] > 0),
    }


def accuracy(real: Scored, folder: Path) -> dict[str, Any]:
    """Return the share of drawn slices in the contrast asked for, with the classifier's own on unseen real people."""
    score = contrast_accuracy.score(real, open_slices(folder), DEFAULTS)
    return {
        "value": round(score.value, 4),
        "ci95": score.ci95,
        "of real slices of people not trained on": None if score.floor is None else score.floor.people,
        "reached": score.value >= TARGET_CONTRAST,
    }


def recognised(real: Scored, test: Slices, rows: list[int], shown: npt.NDArray[np.uint8]) -> float:
    """Return the share of pictures of `rows` in which the classifier sees their contrast."""
    table = test.table.loc[rows].reset_index(drop=True)
    slices = from_reader(Arrays(table=table, pixels=shown), "real slices")
    return round(contrast_accuracy.score(real, slices, DEFAULTS).value, 4)


def between_contrasts(real: Scored, folder: Path) -> dict[str, Any]:
    """Return the contrast accuracy and the likeness between contrasts, with both real bounds (Kim et al.)."""
    drawn = open_slices(folder)
    held_out = real.select(real.column("split") == "test")
    found: dict[str, Any] = {"contrast accuracy": accuracy(real, folder)}
    for name, metric in (("SSIM", ssim_contrasts), ("NMI", nmi_contrasts), ("NCC", ncc_contrasts)):
        score = metric.score(held_out, drawn, DEFAULTS)
        bounds = (None, None) if score.floor is None else (score.floor.halves, score.floor.people)
        found[name] = {"drawn": score.value, "ci95": score.ci95, "real pairs": bounds[0], "random pairs": bounds[1]}
    return found


def save_sheet(
    path: Path,
    test: Slices,
    rows: list[int],
    edges: Lines,
    drawn: npt.NDArray[np.uint8],
    unled: npt.NDArray[np.uint8],
) -> None:
    """Write a sheet to look at: mask, drawn slice, its edges, the real slice and the base's, one column a slice."""
    picked = list(range(0, len(rows), max(1, len(rows) // 12)))
    columns = [
        np.concatenate([
            255 * edges[rows[i]].astype(np.uint8), drawn[i], 255 * canny(drawn[i]).astype(np.uint8),
            test.pictures[rows[i]], unled[i],
        ])
        for i in picked
    ]  # fmt: skip
    path.write_bytes(encode_png(np.concatenate(columns, axis=1)))


if __name__ == "__main__":
    main()
